/** What happened to an order. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Order } from "../gen/argosy/order/v1/order_pb";
import { statusText } from "../order_texts";
import { orders } from "../rpc";
import { t } from "../texts";
import { useLoad } from "./hooks";
import { When } from "./parts";

/** `reasons`: the sentence for each reason of a cancellation. */
export function History({ order, reasons }: { order: Order; reasons: Readonly<Record<string, string>> }) {
  const { order: texts } = t.value;
  const found = useLoad(() => orders.getOrderHistory({ id: order.id }), [order.id, order.status]);
  if (!found.value) return null;
  return (
    <section class="panel">
      <h2>{texts.history}</h2>
      <ol class="history">
        {found.value.events.map((event) => (
          <li key={event.seq}>
            <strong>{statusText(event.type === "ORDER_CREATED" ? "pending" : textOf(event.data?.["status"]))}</strong>
            {event.at && (
              <span class="muted">
                <When at={timestampDate(event.at)} />
              </span>
            )}
            {event.data?.["status"] === "cancelled" && <Reason text={reasons[textOf(event.data["reason"])]} />}
          </li>
        ))}
      </ol>
    </section>
  );
}

function Reason({ text }: { text: string | undefined }) {
  return text ? <span class="reason">{text}</span> : null;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
