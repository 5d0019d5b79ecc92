import { useEffect, useState } from "preact/hooks";
import { insist } from "../patience";
import { users } from "../rpc";
import { loadUser, userId } from "../session";
import { t } from "../texts";
import { useAction } from "../ui/hooks";
import { Loading, Notice, Page, Problem } from "../ui/parts";
import { useToken } from "../ui/token";

export default function VerifyEmail() {
  const { verify, reset } = t.value;
  const token = useToken();
  const [done, setDone] = useState(false);
  const verifying = useAction(async () => {
    await insist(() => users.verifyEmail({ token }), () => undefined);
    setDone(true);
    if (userId.value !== undefined) await loadUser().catch(() => undefined);
  });
  useEffect(() => {
    if (token) verifying.run();
  }, []);
  return (
    <Page title={verify.title} narrow>
      {verifying.busy && <Loading />}
      {!token && (
        <Notice tone="bad">
          <p>{reset.noToken}</p>
        </Notice>
      )}
      {done && (
        <Notice tone="good">
          <p>{verify.done}</p>
          <p>
            <a href="/">{t.value.common.back}</a>
          </p>
        </Notice>
      )}
      {verifying.error !== undefined && <Problem error={verifying.error} />}
      {(verifying.error !== undefined || !token) && <SendAgain />}
    </Page>
  );
}

/** Requests another mail, if somebody is signed in. */
export function SendAgain() {
  const { verify } = t.value;
  const [sent, setSent] = useState(false);
  const sending = useAction(async () => {
    await users.requestEmailVerification({});
    setSent(true);
  });
  if (userId.value === undefined) return null;
  return (
    <>
      {sent && (
        <Notice tone="good">
          <p>{verify.sent}</p>
        </Notice>
      )}
      {sending.error !== undefined && <Problem error={sending.error} />}
      <div class="buttons">
        <button type="button" class="button secondary" aria-disabled={sending.busy} onClick={() => sending.run()}>
          {verify.again}
        </button>
      </div>
    </>
  );
}
