/** The orders of all customers, by state and by the day on which they were placed. The address bar has the filter. */

import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useId } from "preact/hooks";
import type { Order } from "../gen/argosy/order/v1/order_pb";
import { shortId, statusText } from "../order_texts";
import { navigate, place } from "../router";
import { orders } from "../rpc";
import { t } from "../texts";
import { usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { Loading, Money, Notice, Problem, When } from "../ui/parts";
import { DeskPage } from "./frame";
import { d } from "./texts";

interface Filter {
  statuses: readonly string[];
  /** The first and the last day, as YYYY-MM-DD; empty: no bound. */
  from: string;
  to: string;
}

export default function Orders() {
  const { orders: texts } = d.value;
  const filter = filterOf(place.value.query);
  const inverted = filter.from !== "" && filter.to !== "" && filter.from > filter.to;
  const pages = usePages(
    async (pageToken) => {
      if (inverted) return { items: [], next: "" };
      const page = await orders.listAllOrders({ ...requestOf(filter), pageToken });
      return { items: page.orders, next: page.nextPageToken };
    },
    [JSON.stringify(filter)],
  );
  return (
    <DeskPage title={texts.title}>
      <Filters filter={filter} />
      {inverted && (
        <Notice tone="bad">
          <p>{texts.invertedTimes}</p>
        </Notice>
      )}
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items?.length === 0 && !pages.more && !inverted && <p>{texts.none}</p>}
      {pages.items && pages.items.length > 0 && <Table orders={pages.items} />}
      <More pages={pages} />
    </DeskPage>
  );
}

function filterOf(query: URLSearchParams): Filter {
  const known = Object.keys(t.value.order.status);
  return {
    statuses: known.filter((status) => query.getAll("status").includes(status)),
    from: dayOf(query.get("from")),
    to: dayOf(query.get("to")),
  };
}

function dayOf(text: string | null): string {
  return text && !Number.isNaN(startOf(text).getTime()) ? text : "";
}

/** The start of a day in the browser's zone. */
function startOf(day: string, later = 0): Date {
  const date = new Date(`${day}T00:00`);
  date.setDate(date.getDate() + later);
  return date;
}

function requestOf({ statuses, from, to }: Filter) {
  return {
    statuses: [...statuses],
    ...(from ? { placedFrom: timestampFromDate(startOf(from)) } : {}),
    ...(to ? { placedBefore: timestampFromDate(startOf(to, 1)) } : {}),
  };
}

function Filters({ filter }: { filter: Filter }) {
  const { orders: texts } = d.value;
  const show = (changes: Partial<Filter>): void => {
    const { statuses, from, to } = { ...filter, ...changes };
    const query = new URLSearchParams(statuses.map((status) => ["status", status]));
    if (from) query.set("from", from);
    if (to) query.set("to", to);
    navigate(`/desk/orders${query.size > 0 ? `?${query}` : ""}`, { replace: true });
  };
  const others = (status: string): string[] => filter.statuses.filter((one) => one !== status);
  return (
    <div class="fields">
      <fieldset class="chips">
        <legend>{texts.statuses}</legend>
        {Object.entries(t.value.order.status).map(([status, label]) => (
          <label key={status} class="check">
            <input
              type="checkbox"
              checked={filter.statuses.includes(status)}
              onChange={({ currentTarget: { checked } }) => show({ statuses: [...others(status), ...(checked ? [status] : [])] })}
            />
            <span>{label}</span>
          </label>
        ))}
      </fieldset>
      <div class="columns">
        <Day label={texts.from} value={filter.from} change={(from) => show({ from })} />
        <Day label={texts.to} value={filter.to} change={(to) => show({ to })} />
      </div>
    </div>
  );
}

function Day({ label, value, change }: { label: string; value: string; change: (day: string) => void }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} type="date" value={value} onChange={(event) => change(event.currentTarget.value)} />
    </div>
  );
}

function Table({ orders: found }: { orders: readonly Order[] }) {
  const { orders: texts } = d.value;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{texts.order}</th>
          <th scope="col">{texts.status}</th>
          <th scope="col" class="number wide">
            {texts.pieces}
          </th>
          <th scope="col" class="number">
            {texts.total}
          </th>
        </tr>
      </thead>
      <tbody>
        {found.map((order) => (
          <tr key={order.id}>
            <td>
              <a href={`/desk/orders/${order.id}`}>{shortId(order.id)}</a>
              {order.createdAt && (
                <span class="muted">
                  <When at={timestampDate(order.createdAt)} />
                </span>
              )}
            </td>
            <td>
              <span class={`badge ${order.status}`}>{statusText(order.status)}</span>
            </td>
            <td class="number wide">{order.items.reduce((total, item) => total + item.quantity, 0)}</td>
            <td class="number">
              <Money amount={order.totalAmount} currency={order.currency} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
