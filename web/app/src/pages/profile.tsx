import { useState } from "preact/hooks";
import type { User } from "../gen/argosy/user/v1/user_pb";
import { users } from "../rpc";
import { loadUser, user } from "../session";
import { t } from "../texts";
import { AccountPage } from "../ui/account";
import { AddressFields, addressOf, Field, FormProblem, NO_ADDRESS, TextArea } from "../ui/fields";
import { useForm, useLoad } from "../ui/hooks";
import { Loading, Notice, Problem, Submit } from "../ui/parts";
import { Private } from "../ui/private";
import { SendAgain } from "./verify_email";

export default function Profile() {
  return <Private>{(userId) => <Known userId={userId} />}</Private>;
}

function Known({ userId }: { userId: string }) {
  const { profile } = t.value;
  const found = useLoad(() => loadUser(), [userId]);
  const known = user.value ?? found.value;
  return (
    <AccountPage title={profile.title}>
      {found.error !== undefined && <Problem error={found.error} retry={found.reload} />}
      {!known && found.error === undefined && <Loading />}
      {known && (
        <>
          {(!known.emailVerified || known.pendingEmail) && <Unverified user={known} />}
          <Details user={known} />
          <Email user={known} />
        </>
      )}
    </AccountPage>
  );
}

function Unverified({ user: { pendingEmail } }: { user: User }) {
  const { verify } = t.value;
  return (
    <section class="panel">
      <p>{pendingEmail ? verify.pending(pendingEmail) : verify.missing}</p>
      <SendAgain />
    </section>
  );
}

function Details({ user: known }: { user: User }) {
  const { account, profile, common } = t.value;
  const [saved, setSaved] = useState(false);
  const form = useForm(async (values) => {
    setSaved(false);
    const { firstName = "", lastName = "", phone = "", dateOfBirth = "", bio = "" } = values;
    user.value = await users.updateUser({
      id: "me",
      firstName,
      lastName,
      profile: { phone, dateOfBirth, bio, address: addressOf(values) },
    });
    setSaved(true);
  });
  return (
    <form {...form.form} class="panel fields">
      <div class="columns">
        <Field form={form} name="firstName" label={account.firstName} value={known.firstName} autocomplete="given-name" maxLength={100} required />
        <Field form={form} name="lastName" label={account.lastName} value={known.lastName} autocomplete="family-name" maxLength={100} required />
      </div>
      <div class="columns">
        <Field form={form} name="phone" label={profile.phone} value={known.profile?.phone} type="tel" autocomplete="tel" maxLength={20} />
        <Field form={form} name="dateOfBirth" label={profile.birthday} value={known.profile?.dateOfBirth} type="date" autocomplete="bday" />
      </div>
      <TextArea form={form} name="bio" label={profile.bio} value={known.profile?.bio} maxLength={2000} />
      <h2>{profile.address}</h2>
      <AddressFields form={form} value={{ ...NO_ADDRESS, ...known.profile?.address }} required={false} />
      <FormProblem form={form} />
      {saved && (
        <Notice tone="good">
          <p>{common.saved}</p>
        </Notice>
      )}
      <div class="buttons">
        <Submit busy={form.busy} label={common.save} />
      </div>
    </form>
  );
}

function Email({ user: known }: { user: User }) {
  const { account, profile } = t.value;
  const [requested, setRequested] = useState(false);
  const form = useForm(async ({ email = "", currentPassword = "" }) => {
    setRequested(false);
    user.value = await users.updateUser({ id: "me", email, currentPassword });
    setRequested(true);
  });
  return (
    <form {...form.form} class="panel fields">
      <h2>{profile.email}</h2>
      <p>
        {known.email} {known.emailVerified && <span class="badge confirmed">{profile.verified}</span>}
      </p>
      <p class="muted">{profile.emailText}</p>
      <Field form={form} name="email" label={account.email} type="email" autocomplete="email" maxLength={254} required />
      <Field form={form} name="currentPassword" label={account.oldPassword} type="password" autocomplete="current-password" required />
      <FormProblem form={form} />
      {requested && (
        <Notice tone="good">
          <p>{profile.emailRequested}</p>
        </Notice>
      )}
      <div class="buttons">
        <Submit busy={form.busy} label={profile.changeEmail} kind="secondary" />
      </div>
    </form>
  );
}
