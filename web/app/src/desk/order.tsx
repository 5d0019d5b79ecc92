/** An order, with all that the staff may do with it. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Order } from "../gen/argosy/order/v1/order_pb";
import { shortId } from "../order_texts";
import { insist } from "../patience";
import type { Params } from "../router";
import { orders } from "../rpc";
import { userId } from "../session";
import { t } from "../texts";
import { Goods } from "../ui/goods";
import { History } from "../ui/history";
import { useAction } from "../ui/hooks";
import { Loading, Problem, When } from "../ui/parts";
import { Progress, useAnnouncedStatus } from "../ui/progress";
import { useOrder } from "../watch";
import { Fact } from "./facts";
import { DeskPage } from "./frame";
import { Payments } from "./payments";
import { d } from "./texts";

export default function OrderPage({ params }: { params: Params }) {
  const id = params["id"] ?? "";
  const { order: texts } = t.value;
  const { order: words } = d.value;
  const { order, link, error } = useOrder(id);
  useAnnouncedStatus(order);
  const title = texts.title(shortId(id));
  if (error !== undefined || !order) {
    return <DeskPage title={title}>{error === undefined ? <Loading /> : <Problem error={error} />}</DeskPage>;
  }
  const placed = order.createdAt && timestampDate(order.createdAt);
  return (
    <DeskPage title={title} lead={placed && <>{texts.placedAt} <When at={placed} /></>}>
      <Progress order={order} link={link} />
      <Moves order={order} />
      <dl class="facts">
        <Fact name={words.id}>{order.id}</Fact>
        <Fact name={words.customer}>
          <a href={`/desk/customers/${order.userId}`}>{order.userId}</a>
        </Fact>
      </dl>
      <Goods order={order} />
      <Payments order={order} userId={userId.value ?? ""} />
      <History order={order} reasons={words.reasons} />
    </DeskPage>
  );
}

/** From which statuses an order may be moved to another. */
const MOVES = { shipped: ["confirmed"], delivered: ["shipped"], cancelled: ["pending", "confirmed"] } as const;
type Move = keyof typeof MOVES;

function isPossible(order: Order, move: Move): boolean {
  return (MOVES[move] as readonly string[]).includes(order.status);
}

/** Each button keeps its place, so that a double click on one does not hit the next one. */
function Moves({ order }: { order: Order }) {
  const { order: words } = d.value;
  const [asking, setAsking] = useState(false);
  const moving = useAction(async (status: Move) => {
    await insist(() => orders.updateOrderStatus({ id: order.id, status }), () => undefined);
  });
  return (
    <section class="stack" aria-label={words.moves}>
      <div class="buttons">
        {(["shipped", "delivered"] as const).map((move) => (
          <button key={move} type="button" class="button" disabled={!isPossible(order, move)} aria-disabled={moving.busy} onClick={() => moving.run(move)}>
            {words.move[move]}
          </button>
        ))}
        <button type="button" class="button danger" disabled={asking || !isPossible(order, "cancelled")} onClick={() => setAsking(true)}>
          {words.move.cancelled}
        </button>
      </div>
      {moving.error !== undefined && <Problem error={moving.error} />}
      {asking && isPossible(order, "cancelled") && (
        <Question busy={moving.busy} yes={() => moving.run("cancelled")} no={() => setAsking(false)} />
      )}
    </section>
  );
}

function Question({ busy, yes, no }: { busy: boolean; yes: () => void; no: () => void }) {
  const { order: words } = d.value;
  const question = useRef<HTMLHeadingElement>(null);
  useEffect(() => question.current?.focus(), []);
  return (
    <div class="panel">
      <h2 ref={question} tabIndex={-1}>
        {words.cancelQuestion}
      </h2>
      <div class="buttons">
        <button type="button" class="button danger" aria-disabled={busy} onClick={yes}>
          {words.cancelYes}
        </button>
        <button type="button" class="button secondary" onClick={no}>
          {words.cancelNo}
        </button>
      </div>
    </div>
  );
}
