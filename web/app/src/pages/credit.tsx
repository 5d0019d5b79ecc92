import { timestampDate } from "@bufbuild/protobuf/wkt";
import { payments } from "../rpc";
import { t } from "../texts";
import { AccountPage } from "../ui/account";
import { useLoad, usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { Loading, Money, Problem, When } from "../ui/parts";
import { Private } from "../ui/private";

export default function Credit() {
  return (
    <Private>
      {(userId) => (
        <AccountPage title={t.value.account.credit}>
          <Balances userId={userId} />
          <Entries userId={userId} />
        </AccountPage>
      )}
    </Private>
  );
}

function Balances({ userId }: { userId: string }) {
  const { credit } = t.value;
  const found = useLoad(() => payments.getCredit({}), [userId]);
  return (
    <section class="panel">
      <h2>{credit.balance}</h2>
      {found.error !== undefined && <Problem error={found.error} retry={found.reload} />}
      {!found.value && found.error === undefined && <Loading />}
      {found.value?.balances.length === 0 && <p>{credit.none}</p>}
      {found.value?.balances.map(({ amount, currency }) => (
        <p key={currency} class="price">
          <Money amount={amount} currency={currency} />
        </p>
      ))}
    </section>
  );
}

function Entries({ userId }: { userId: string }) {
  const { credit } = t.value;
  const words: Readonly<Record<string, string>> = credit.kinds;
  const pages = usePages(
    async (pageToken) => {
      const page = await payments.listCreditEntries({ pageToken });
      return { items: page.entries, next: page.nextPageToken };
    },
    [userId],
  );
  if (pages.items?.length === 0) return null;
  return (
    <section class="panel">
      <h2>{credit.entries}</h2>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      <ul class="rows">
        {pages.items?.map((entry) => (
          <li key={entry.id} class="row">
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
        ))}
      </ul>
      <More pages={pages} />
    </section>
  );
}
