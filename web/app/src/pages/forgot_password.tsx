import { useState } from "preact/hooks";
import { users } from "../rpc";
import { t } from "../texts";
import { Field, FormProblem } from "../ui/fields";
import { useForm } from "../ui/hooks";
import { Notice, Page, Submit } from "../ui/parts";

export default function ForgotPassword() {
  const { account, reset } = t.value;
  const [sent, setSent] = useState(false);
  const form = useForm(async ({ email = "" }) => {
    await users.requestPasswordReset({ email });
    setSent(true);
  });
  return (
    <Page title={reset.title} lead={reset.lead} narrow>
      <form {...form.form} class="panel fields">
        <Field form={form} name="email" label={account.email} type="email" autocomplete="username" maxLength={254} required />
        <FormProblem form={form} />
        {sent && (
          <Notice tone="good">
            <p>{reset.sent}</p>
          </Notice>
        )}
        <div class="buttons">
          <Submit busy={form.busy} label={reset.send} />
          <a href="/sign-in">{account.signIn}</a>
        </div>
      </form>
    </Page>
  );
}
