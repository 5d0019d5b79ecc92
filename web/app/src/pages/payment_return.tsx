import { useEffect, useState } from "preact/hooks";
import { returnFromBank } from "../purchase";
import { hideAddress, navigate, place } from "../router";
import { t } from "../texts";
import { useAction } from "../ui/hooks";
import { Loading, Notice, Page, Problem } from "../ui/parts";
import { Private } from "../ui/private";

export default function PaymentReturn() {
  const [intent] = useState(() => place.peek().query.get("payment_intent") ?? "");
  useEffect(hideAddress, []); // Stripe puts the payment's secret there
  return <Private>{() => <Asking intent={intent} />}</Private>;
}

function Asking({ intent }: { intent: string }) {
  const { payment, common, orders } = t.value;
  const [waiting, setWaiting] = useState(false);
  const [unknown, setUnknown] = useState(false);
  const asking = useAction(async () => {
    const orderId = await returnFromBank(intent, () => setWaiting(true));
    if (orderId) navigate(`/orders/${orderId}`, { replace: true });
    else setUnknown(true);
  });
  useEffect(() => asking.run(), []);
  return (
    <Page title={payment.returning} narrow>
      {asking.error !== undefined && <Problem error={asking.error} retry={() => asking.run()} />}
      {unknown && (
        <Notice tone="info">
          <p>{payment.noChallenge}</p>
          <p>
            <a href="/orders">{orders.title}</a>
          </p>
        </Notice>
      )}
      {asking.busy && (
        <>
          <p>{waiting ? common.repeating : payment.checking}</p>
          <Loading />
        </>
      )}
    </Page>
  );
}
