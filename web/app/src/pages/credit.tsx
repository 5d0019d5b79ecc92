import { payments } from "../rpc";
import { t } from "../texts";
import { AccountPage } from "../ui/account";
import { Balances, Entries } from "../ui/credit";
import { useLoad } from "../ui/hooks";
import { Private } from "../ui/private";

export default function Credit() {
  return <Private>{(userId) => <Known userId={userId} />}</Private>;
}

function Known({ userId }: { userId: string }) {
  const { account, credit } = t.value;
  const found = useLoad(() => payments.getCredit({ userId }), [userId]);
  return (
    <AccountPage title={account.credit}>
      <section class="panel">
        <h2>{credit.balance}</h2>
        <Balances found={found} none={credit.none} />
      </section>
      <Entries userId={userId} />
    </AccountPage>
  );
}
