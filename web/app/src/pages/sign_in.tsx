import { navigate } from "../router";
import { expired, signIn } from "../session";
import { t } from "../texts";
import { Field, FormProblem } from "../ui/fields";
import { useForm } from "../ui/hooks";
import { Notice, Page, Submit } from "../ui/parts";
import { nextPath } from "../ui/private";

export default function SignIn() {
  const { account } = t.value;
  const form = useForm(async ({ email = "", password = "" }) => {
    await signIn(email, password);
    navigate(nextPath(), { replace: true });
  });
  const next = encodeURIComponent(nextPath());
  return (
    <Page title={account.signIn} narrow>
      {expired.value && (
        <Notice tone="info">
          <p>{account.expired}</p>
        </Notice>
      )}
      <form {...form.form} class="panel fields">
        <Field form={form} name="email" label={account.email} type="email" autocomplete="username" maxLength={254} required />
        <Field form={form} name="password" label={account.password} type="password" autocomplete="current-password" required />
        <FormProblem form={form} />
        <div class="buttons">
          <Submit busy={form.busy} label={account.signIn} />
          <a href="/forgot-password">{account.forgot}</a>
        </div>
      </form>
      <p>
        {account.noAccount} <a href={`/sign-up?next=${next}`}>{account.signUp}</a>
      </p>
    </Page>
  );
}
