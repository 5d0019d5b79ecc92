import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useState } from "preact/hooks";
import type { Preference } from "../gen/argosy/notification/v1/notification_pb";
import { insist } from "../patience";
import { notifications } from "../rpc";
import { t } from "../texts";
import { AccountPage } from "../ui/account";
import { useAction, useLoad, usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { announce, Loading, Problem, When } from "../ui/parts";
import { Private } from "../ui/private";
import { shortId } from "../order_texts";

export default function Messages() {
  return (
    <Private>
      {(userId) => (
        <AccountPage title={t.value.account.messages}>
          <Received userId={userId} />
          <Preferences userId={userId} />
        </AccountPage>
      )}
    </Private>
  );
}

function Received({ userId }: { userId: string }) {
  const { messages, order } = t.value;
  const words: Readonly<Record<string, string>> = messages.status;
  const pages = usePages(
    async (pageToken) => {
      const page = await notifications.listNotifications({ pageToken });
      return { items: page.notifications, next: page.nextPageToken };
    },
    [userId],
  );
  return (
    <section class="panel">
      <h2>{messages.title}</h2>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items?.length === 0 && <p>{messages.none}</p>}
      <ul class="rows">
        {pages.items?.map((message) => (
          <li key={message.id} class="row">
            <div>
              <strong>{message.subject}</strong>
              <span class="muted">
                {message.createdAt && <When at={timestampDate(message.createdAt)} />} · {words[message.status] ?? message.status}
              </span>
            </div>
            {message.orderId && <a href={`/orders/${message.orderId}`}>{order.title(shortId(message.orderId))}</a>}
          </li>
        ))}
      </ul>
      <More pages={pages} />
    </section>
  );
}

function Preferences({ userId }: { userId: string }) {
  const { messages, common } = t.value;
  const found = useLoad(() => notifications.getPreferences({}), [userId]);
  const [changed, setChanged] = useState<readonly Preference[]>();
  const changing = useAction(async (kind: string, email: boolean) => {
    const answer = await insist(() => notifications.updatePreferences({ preferences: [{ kind, email }] }), () => undefined);
    setChanged(answer.preferences);
    announce(common.saved);
  });
  const shown = changed ?? found.value?.preferences;
  return (
    <section class="panel">
      <h2>{messages.preferences}</h2>
      {found.error !== undefined && <Problem error={found.error} retry={found.reload} />}
      {changing.error !== undefined && <Problem error={changing.error} />}
      {shown?.map((preference) => (
        <Kind key={preference.kind} preference={preference} change={changing.run} />
      ))}
    </section>
  );
}

function Kind({ preference, change }: { preference: Preference; change: (kind: string, email: boolean) => void }) {
  const { messages } = t.value;
  const { kind, email, required } = preference;
  const words: Readonly<Record<string, string>> = messages.kinds;
  return (
    <label class="check">
      <input type="checkbox" checked={email} disabled={required} onChange={(event) => change(kind, event.currentTarget.checked)} />
      <span>
        {words[kind] ?? kind} {required && <span class="muted">{messages.required}</span>}
      </span>
    </label>
  );
}
