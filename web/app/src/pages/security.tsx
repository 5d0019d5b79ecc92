import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useState } from "preact/hooks";
import type { Session } from "../gen/argosy/user/v1/user_pb";
import { insist } from "../patience";
import { navigate } from "../router";
import { users } from "../rpc";
import { deleteAccount } from "../session";
import { t } from "../texts";
import { AccountPage } from "../ui/account";
import { Field, FormProblem } from "../ui/fields";
import { useAction, useForm, usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { announce, Loading, Notice, Problem, Submit, when } from "../ui/parts";
import { Private } from "../ui/private";

export default function Security() {
  return (
    <Private>
      {(userId) => (
        <AccountPage title={t.value.account.security}>
          <Sessions userId={userId} />
          <Password />
          <Deletion />
        </AccountPage>
      )}
    </Private>
  );
}

function Sessions({ userId }: { userId: string }) {
  const { security } = t.value;
  const pages = usePages(
    async (pageToken) => {
      const page = await users.listSessions({ pageToken });
      return { items: page.sessions, next: page.nextPageToken };
    },
    [userId],
  );
  const ending = useAction(async (id: string) => {
    await insist(() => users.revokeSession({ id }), () => undefined);
    announce(security.ended);
    pages.reload();
  });
  return (
    <section class="panel">
      <h2>{security.sessions}</h2>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {ending.error !== undefined && <Problem error={ending.error} />}
      {!pages.items && pages.error === undefined && <Loading />}
      <ul class="rows">
        {pages.items?.map((session) => (
          <Row key={session.id} session={session} end={ending.run} />
        ))}
      </ul>
      <More pages={pages} />
    </section>
  );
}

function Row({ session, end }: { session: Session; end: (id: string) => void }) {
  const { security } = t.value;
  const { createdAt, expiresAt, ipAddress } = session;
  const since = createdAt && security.since(when(timestampDate(createdAt)));
  const until = expiresAt && security.until(when(timestampDate(expiresAt)));
  return (
    <li class="row">
      <div>
        <strong>
          {device(session.userAgent)} {session.current && <span class="badge confirmed">{security.current}</span>}
        </strong>
        <span class="muted">{[since, until, ipAddress].filter(Boolean).join(", ")}</span>
      </div>
      {!session.current && (
        <button type="button" class="button secondary" onClick={() => end(session.id)}>
          {security.end}
        </button>
      )}
    </li>
  );
}

const BROWSERS = ["Edg", "OPR", "Firefox", "Chrome", "Safari"];
const SYSTEMS = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "Linux"];
const NAMES: Readonly<Record<string, string>> = { Edg: "Edge", OPR: "Opera", "Mac OS": "macOS" };

/** The browser and the system of a User-Agent, or its first words. */
function device(userAgent: string): string {
  const found = [BROWSERS, SYSTEMS].map((names) => names.find((name) => userAgent.includes(name)));
  const known = found.filter((name) => name !== undefined).map((name) => NAMES[name] ?? name);
  return known.join(", ") || userAgent.slice(0, 40) || t.value.security.unknownDevice;
}

function Password() {
  const { security, account } = t.value;
  const [done, setDone] = useState(false);
  const form = useForm(async ({ oldPassword = "", newPassword = "" }) => {
    setDone(false);
    await users.changePassword({ oldPassword, newPassword });
    setDone(true);
  });
  return (
    <form {...form.form} class="panel fields">
      <h2>{security.password}</h2>
      <p class="muted">{security.passwordText}</p>
      <Field form={form} name="oldPassword" label={account.oldPassword} type="password" autocomplete="current-password" required />
      <Field form={form} name="newPassword" label={account.newPassword} type="password" autocomplete="new-password" hint={account.passwordHint} minLength={8} required />
      <FormProblem form={form} />
      {done && (
        <Notice tone="good">
          <p>{security.passwordDone}</p>
        </Notice>
      )}
      <div class="buttons">
        <Submit busy={form.busy} label={security.passwordSubmit} kind="secondary" />
      </div>
    </form>
  );
}

function Deletion() {
  const { security, common } = t.value;
  const [asking, setAsking] = useState(false);
  const deleting = useAction(async () => {
    await deleteAccount();
    navigate("/");
    announce(security.deleted);
  });
  return (
    <section class="panel">
      <h2>{security.delete}</h2>
      <p class="muted">{security.deleteText}</p>
      {deleting.error !== undefined && <Problem error={deleting.error} />}
      <div class="buttons">
        {asking ? (
          <>
            <button type="button" class="button danger" aria-disabled={deleting.busy} onClick={() => deleting.run()}>
              {security.deleteConfirm}
            </button>
            <button type="button" class="button secondary" onClick={() => setAsking(false)}>
              {common.cancel}
            </button>
          </>
        ) : (
          <button type="button" class="button danger" onClick={() => setAsking(true)}>
            {security.delete}
          </button>
        )}
      </div>
    </section>
  );
}
