import { useRef } from "preact/hooks";
import { insist } from "../patience";
import { navigate } from "../router";
import { signUp } from "../session";
import { t } from "../texts";
import { Field, FormProblem } from "../ui/fields";
import { useForm } from "../ui/hooks";
import { announce, Page, Submit } from "../ui/parts";
import { nextPath } from "../ui/private";

export default function SignUp() {
  const { account } = t.value;
  // The key of the last request stays in this page: the request has a password, which is kept nowhere.
  const sent = useRef({ request: "", key: "" });
  const form = useForm(async ({ email = "", password = "", firstName = "", lastName = "" }) => {
    const person = { email, password, firstName, lastName };
    const request = JSON.stringify(person);
    if (sent.current.request !== request) sent.current = { request, key: crypto.randomUUID() };
    await insist(() => signUp(person, sent.current.key), () => undefined);
    announce(account.welcome(firstName));
    navigate(nextPath(), { replace: true });
  });
  const next = encodeURIComponent(nextPath());
  return (
    <Page title={account.signUp} narrow>
      <form {...form.form} class="panel fields">
        <div class="columns">
          <Field form={form} name="firstName" label={account.firstName} autocomplete="given-name" maxLength={100} required />
          <Field form={form} name="lastName" label={account.lastName} autocomplete="family-name" maxLength={100} required />
        </div>
        <Field form={form} name="email" label={account.email} type="email" autocomplete="email" maxLength={254} required />
        <Field form={form} name="password" label={account.password} type="password" autocomplete="new-password" hint={account.passwordHint} minLength={8} required />
        <FormProblem form={form} />
        <div class="buttons">
          <Submit busy={form.busy} label={account.signUp} />
        </div>
      </form>
      <p>
        {account.haveAccount} <a href={`/sign-in?next=${next}`}>{account.signIn}</a>
      </p>
    </Page>
  );
}
