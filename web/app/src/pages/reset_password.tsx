import { useState } from "preact/hooks";
import { users } from "../rpc";
import { t } from "../texts";
import { Field } from "../ui/fields";
import { useForm } from "../ui/hooks";
import { Notice, Page, Submit } from "../ui/parts";
import { useToken } from "../ui/token";

export default function ResetPassword() {
  const { account, reset } = t.value;
  const token = useToken();
  const [done, setDone] = useState(false);
  const form = useForm(async ({ newPassword = "" }) => {
    await users.confirmPasswordReset({ token, newPassword });
    setDone(true);
  });
  if (!token || done) {
    return (
      <Page title={reset.choose} narrow>
        <Notice tone={done ? "good" : "bad"}>
          <p>{done ? reset.done : reset.noToken}</p>
          <p>{done ? <a href="/sign-in">{account.signIn}</a> : <a href="/forgot-password">{reset.send}</a>}</p>
        </Notice>
      </Page>
    );
  }
  return (
    <Page title={reset.choose} narrow>
      <form {...form.form} class="panel fields">
        <Field form={form} name="newPassword" label={account.newPassword} type="password" autocomplete="new-password" hint={account.passwordHint} minLength={8} required />
        {form.summary !== undefined && (
          <Notice tone="bad">
            <p>{form.summary}</p>
            <p>
              <a href="/forgot-password">{reset.send}</a>
            </p>
          </Notice>
        )}
        <div class="buttons">
          <Submit busy={form.busy} label={reset.submit} />
        </div>
      </form>
    </Page>
  );
}
