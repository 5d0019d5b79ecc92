/** A person's store credit. Staff see anybody's. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Credit, CreditEntry } from "../gen/argosy/payment/v1/payment_pb";
import { payments } from "../rpc";
import { t } from "../texts";
import { type Loaded, usePages } from "./hooks";
import { More } from "./more";
import { Loading, Money, Problem, When } from "./parts";

/** What is left, by currency. `none`: the sentence if there never was any. */
export function Balances({ found, none }: { found: Loaded<Credit>; none: string }) {
  return (
    <>
      {found.error !== undefined && <Problem error={found.error} retry={found.reload} />}
      {!found.value && found.error === undefined && <Loading />}
      {found.value?.balances.length === 0 && <p>{none}</p>}
      {found.value?.balances.map(({ amount, currency }) => (
        <p key={currency} class="price">
          <Money amount={amount} currency={currency} />
        </p>
      ))}
    </>
  );
}

/** What changed the balances, newest first. `round`: another one reads the list again. */
export function Entries({ userId, round = "" }: { userId: string; round?: string }) {
  const { credit } = t.value;
  const pages = usePages(
    async (pageToken) => {
      const page = await payments.listCreditEntries({ userId, pageToken });
      return { items: page.entries, next: page.nextPageToken };
    },
    [userId, round],
  );
  if (pages.items?.length === 0) return null;
  return (
    <section class="panel">
      <h2>{credit.entries}</h2>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      <ul class="rows">
        {pages.items?.map((entry) => (
          <Entry key={entry.id} entry={entry} />
        ))}
      </ul>
      <More pages={pages} />
    </section>
  );
}

function Entry({ entry }: { entry: CreditEntry }) {
  const words: Readonly<Record<string, string>> = t.value.credit.kinds;
  return (
    <li class="row">
      <div>
        <strong>{words[entry.kind] ?? entry.kind}</strong>
        <span class="muted">
          {entry.createdAt && <When at={timestampDate(entry.createdAt)} />} {entry.reason}
        </span>
      </div>
      <span>
        {entry.kind === "charge" ? "−" : "+"}
        <Money amount={entry.amount} currency={entry.currency} />
      </span>
    </li>
  );
}
