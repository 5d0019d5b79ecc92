import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useState } from "preact/hooks";
import type { Order } from "../gen/argosy/order/v1/order_pb";
import { orders } from "../rpc";
import { t } from "../texts";
import { Art } from "../ui/art";
import { usePages } from "../ui/hooks";
import { Loading, Money, Page, Problem, When } from "../ui/parts";
import { More } from "../ui/more";
import { Private } from "../ui/private";
import { shortId, statusText } from "../order_texts";

export default function Orders() {
  return <Private>{(userId) => <List userId={userId} />}</Private>;
}

function List({ userId }: { userId: string }) {
  const { orders: texts, order, catalog } = t.value;
  const [status, setStatus] = useState("");
  const pages = usePages(
    async (pageToken) => {
      const page = await orders.listOrders({ status, pageToken });
      return { items: page.orders, next: page.nextPageToken };
    },
    [userId, status],
  );
  return (
    <Page title={texts.title}>
      <label class="filter">
        <span>{texts.filter}</span>
        <select value={status} onChange={(event) => setStatus(event.currentTarget.value)}>
          <option value="">{texts.all}</option>
          {Object.entries(order.status).map(([value, label]) => (
            <option key={value} value={value}>
              {label}
            </option>
          ))}
        </select>
      </label>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items?.length === 0 && (
        <div class="empty">
          <p>{texts.none}</p>
          <a class="button" href="/">
            {catalog.title}
          </a>
        </div>
      )}
      {pages.items && pages.items.length > 0 && (
        <ul class="rows">
          {pages.items.map((one) => (
            <Row key={one.id} order={one} />
          ))}
        </ul>
      )}
      <More pages={pages} />
    </Page>
  );
}

function Row({ order }: { order: Order }) {
  const { orders: texts, order: words } = t.value;
  const pieces = order.items.reduce((total, item) => total + item.quantity, 0);
  return (
    <li class="row order-row">
      <Art id={order.items[0]?.productId ?? ""} />
      <div>
        <a href={`/orders/${order.id}`}>{words.title(shortId(order.id))}</a>
        <span class="muted">
          {order.createdAt && <When at={timestampDate(order.createdAt)} />} · {texts.pieces(pieces)}
        </span>
      </div>
      <span class={`badge ${order.status}`}>{statusText(order.status)}</span>
      <strong>
        <Money amount={order.totalAmount} currency={order.currency} />
      </strong>
    </li>
  );
}
