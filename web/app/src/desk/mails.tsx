/** Mails that could not be sent. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ParkedMessage } from "../gen/argosy/notification/v1/notification_pb";
import { shortId } from "../order_texts";
import { insist } from "../patience";
import { notifications } from "../rpc";
import { t } from "../texts";
import { useAction, usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { announce, Loading, Problem, When } from "../ui/parts";
import { DeskPage } from "./frame";
import { d } from "./texts";

export default function Mails() {
  const { mails } = d.value;
  const pages = usePages(async (pageToken) => {
    const page = await notifications.listParkedMessages({ pageToken });
    return { items: page.messages, next: page.nextPageToken };
  }, []);
  return (
    <DeskPage title={mails.title} lead={mails.lead}>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items?.length === 0 && <p>{mails.none}</p>}
      <ul class="rows">
        {pages.items?.map((mail) => (
          <Row key={mail.id} mail={mail} gone={pages.reload} />
        ))}
      </ul>
      <More pages={pages} />
    </DeskPage>
  );
}

function Row({ mail, gone }: { mail: ParkedMessage; gone: () => void }) {
  const { mails } = d.value;
  const kinds: Readonly<Record<string, string>> = t.value.messages.kinds;
  const kind = kinds[mail.type] ?? mail.type;
  const customer = d.value.customer.title(shortId(mail.userId));
  const sending = useAction(async () => {
    await insist(() => notifications.retryParkedMessage({ id: mail.id }), () => undefined);
    announce(mails.scheduled);
    gone();
  });
  return (
    <li class="row">
      <div>
        <strong>{kind}</strong>
        <span>
          <a href={`/desk/customers/${mail.userId}`}>{customer}</a>
          {mail.orderId && (
            <>
              {" · "}
              <a href={`/desk/orders/${mail.orderId}`}>{t.value.order.title(shortId(mail.orderId))}</a>
            </>
          )}
        </span>
        <span class="muted">
          {mail.createdAt && <When at={timestampDate(mail.createdAt)} />} · {mails.attempts(mail.attempts)} · {mail.error}
        </span>
        {sending.error !== undefined && <Problem error={sending.error} />}
      </div>
      <button type="button" class="button secondary" aria-label={mails.retryOf(kind, customer)} aria-disabled={sending.busy} onClick={() => sending.run()}>
        {mails.retry}
      </button>
    </li>
  );
}
