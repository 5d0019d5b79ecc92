/** The frame of the pages of an account. */

import type { ComponentChildren } from "preact";
import { announce, Page } from "./parts";
import { navigate } from "../router";
import { signOut } from "../session";
import { t } from "../texts";
import { useAction } from "./hooks";
import { Sections } from "./sections";

export function AccountPage({ title, children }: { title: string; children: ComponentChildren }) {
  const { account } = t.value;
  const leaving = useAction(async () => {
    await signOut().catch(() => undefined); // the browser forgets the session in any case
    navigate("/");
    announce(account.signedOut);
  });
  const links = [
    ["/account", account.profile],
    ["/account/security", account.security],
    ["/account/messages", account.messages],
    ["/account/credit", account.credit],
  ] as const;
  return (
    <Page title={title}>
      <div class="account">
        <Sections label={account.sections} links={links}>
          <button type="button" class="link" aria-disabled={leaving.busy} onClick={() => leaving.run()}>
            {account.signOut}
          </button>
        </Sections>
        <div class="stack">{children}</div>
      </div>
    </Page>
  );
}
