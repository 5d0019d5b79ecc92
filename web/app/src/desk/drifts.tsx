/** What reconciliation found: differences between the data of a service and that of others. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Drift, ListDriftsResponse } from "../gen/argosy/reconciliation/v1/drift_pb";
import { orders, payments, products } from "../rpc";
import { When } from "../ui/parts";
import { ByService } from "./by_service";
import { Fact } from "./facts";
import { DeskPage } from "./frame";
import { messageDrifts } from "./notification";
import { d } from "./texts";

type Read = (request: { pageToken: string }) => Promise<ListDriftsResponse>;

/** Service → how its drifts are read. */
const SERVICES: readonly (readonly [service: string, read: Read])[] = [
  ["order", (request) => orders.listOrderDrifts(request)],
  ["payment", (request) => payments.listPaymentDrifts(request)],
  ["inventory", (request) => products.listStockDrifts(request)],
  ["notification", messageDrifts],
];

export default function Drifts() {
  const { drifts } = d.value;
  return (
    <DeskPage title={drifts.title} lead={drifts.lead}>
      {SERVICES.map(([service, read]) => (
        <ByService
          key={service}
          service={service}
          read={async (pageToken) => {
            const page = await read({ pageToken });
            return { items: page.drifts, next: page.nextPageToken };
          }}
          none={drifts.none}
          row={(drift) => <Row key={`${drift.comparison} ${drift.kind} ${drift.subject}`} drift={drift} />}
        />
      ))}
    </DeskPage>
  );
}

function Row({ drift }: { drift: Drift }) {
  const { drifts } = d.value;
  const outcomes: Readonly<Record<string, string>> = drifts.outcomes;
  return (
    <li class="row drift">
      <div>
        <strong>{sentenceOf(drift.kind)}</strong>
        <dl class="facts">
          <Subject drift={drift} />
          <Fact name={drifts.ours}>{drift.ours}</Fact>
          <Fact name={drifts.theirs}>{drift.theirs}</Fact>
        </dl>
        <span class="muted">
          {drift.foundAt && (
            <>
              {drifts.found} <When at={timestampDate(drift.foundAt)} />
            </>
          )}
          {drift.lookedAt && (
            <>
              {" · "}
              {drifts.looked} <When at={timestampDate(drift.lookedAt)} />
            </>
          )}
          {drift.repairs > 0 && ` · ${drifts.repairs(drift.repairs)}`}
        </span>
      </div>
      <span class={`badge ${drift.outcome === "left" ? "bad" : "good"}`}>{outcomes[drift.outcome] ?? drift.outcome}</span>
    </li>
  );
}

/** The kinds of each provider of payments are named alike: stripe_state_differs, store_credit_state_differs. */
const PROVIDER = /^(stripe|store_credit)_(?=state_|amount_|refunds_|dispute_|charge_)/;

function sentenceOf(kind: string): string {
  const kinds: Readonly<Record<string, string>> = d.value.drifts.kinds;
  return kinds[kind.replace(PROVIDER, "")] ?? kind;
}

/** Comparison → the page of its subjects. Subjects of others have none. */
const PAGES: Readonly<Record<string, "orders" | "products" | "customers">> = {
  confirmed_orders: "orders",
  read_side: "orders",
  reservations: "orders",
  mails: "orders",
  stock: "products",
  credit: "customers",
};

function Subject({ drift: { comparison, subject } }: { drift: Drift }) {
  const { about } = d.value.drifts;
  const page = PAGES[comparison];
  if (!page) return <Fact name={about.other}>{subject}</Fact>;
  return (
    <Fact name={about[page]}>
      <a href={`/desk/${page}/${encodeURIComponent(subject)}`}>{subject}</a>
    </Fact>
  );
}
