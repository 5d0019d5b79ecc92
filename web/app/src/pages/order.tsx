import { useEffect, useRef, useState } from "preact/hooks";
import type { Order } from "../gen/argosy/order/v1/order_pb";
import type { Payment } from "../gen/argosy/payment/v1/payment_pb";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import { insist } from "../patience";
import { goToBank, openPayment, orderAgain, pay, replacementOf } from "../purchase";
import { shortId } from "../order_texts";
import { navigate, type Params } from "../router";
import { orders, payments } from "../rpc";
import { t } from "../texts";
import { Methods } from "../ui/cards";
import { Goods } from "../ui/goods";
import { History } from "../ui/history";
import { useAction, useLoad, usePolling } from "../ui/hooks";
import { Loading, money, Notice, Page, Problem, Submit, when, When } from "../ui/parts";
import { Private } from "../ui/private";
import { Progress, useAnnouncedStatus } from "../ui/progress";
import { useOrder } from "../watch";

export default function OrderPage({ params }: { params: Params }) {
  const id = params["id"] ?? "";
  return <Private>{(userId) => <Watched key={id} id={id} userId={userId} />}</Private>;
}

function Watched({ id, userId }: { id: string; userId: string }) {
  const { order: texts } = t.value;
  const { order, link, error } = useOrder(id);
  useAnnouncedStatus(order);
  if (error !== undefined) {
    return (
      <Page title={texts.unknown} lead={texts.unknownText} narrow>
        <p>
          <a class="button" href="/orders">
            {t.value.orders.title}
          </a>
        </p>
      </Page>
    );
  }
  if (!order) return <Loading />;
  const placed = order.createdAt && timestampDate(order.createdAt);
  return (
    <Page title={texts.title(shortId(id))} lead={placed && <>{texts.placedAt} <When at={placed} /></>}>
      <Progress order={order} link={link} />
      <div class="split">
        <div class="stack">
          <Paying order={order} userId={userId} />
          <Cancelling order={order} />
          <History order={order} reasons={texts.reasons} />
        </div>
        <Goods order={order} />
      </div>
    </Page>
  );
}

/** The payments of an order, asked for again while one is being processed. */
function usePayments(order: Order) {
  const found = useLoad(() => payments.listPayments({ orderId: order.id }), [order.id, order.status]);
  const latest = found.value?.payments[0];
  const moving = order.status === "pending" && ["pending", "processing", "requires_action"].includes(latest?.status ?? "");
  usePolling(moving, found.reload, [order.status]);
  useEffect(() => {
    // The back button shows the page as it was left.
    const back = (event: PageTransitionEvent): void => void (event.persisted && found.reload());
    addEventListener("pageshow", back);
    return () => removeEventListener("pageshow", back);
  }, []);
  return { ...found, payments: found.value?.payments, latest };
}

function Paying({ order, userId }: { order: Order; userId: string }) {
  const { payment: texts } = t.value;
  const found = usePayments(order);
  const { latest } = found;
  const replacement = replacementOf(order.id);
  if (found.error !== undefined && !found.value) return <Problem error={found.error} retry={found.reload} />;
  if (!found.payments) return <Loading />;
  const declined = latest?.status === "failed" && (order.status === "pending" || order.status === "cancelled");
  const open = order.status === "pending" && (!latest || latest.status === "cancelled");
  if (order.status === "cancelled" && !declined) return <List payments={found.payments} />;
  if (declined && replacement) {
    return (
      <section class="panel">
        <Decline payment={latest} />
        <p>
          <a href={`/orders/${replacement}`}>{t.value.order.title(shortId(replacement))}</a>
        </p>
      </section>
    );
  }
  if (declined || open) {
    return <PaymentForm order={order} userId={userId} declined={declined ? latest : undefined} paid={found.reload} />;
  }
  if (latest?.status === "requires_action") return <ToBank payment={latest} asked={found.reload} />;
  if (latest?.status === "processing" || latest?.status === "pending") {
    return (
      <section class="panel">
        <Notice tone="info">
          <p class="waiting">
            <span class="spinner" aria-hidden="true" />
            {texts.processing}
          </p>
        </Notice>
      </section>
    );
  }
  return (
    <>
      {latest?.status === "succeeded" && (
        <Notice tone="good">
          <p>{texts.succeeded}</p>
        </Notice>
      )}
      <List payments={found.payments} />
    </>
  );
}

function Decline({ payment }: { payment: Payment | undefined }) {
  const texts: Readonly<Record<string, string>> = t.value.declines;
  return (
    <Notice tone="bad">
      <p>{texts[payment?.declineCode ?? ""] ?? t.value.declines.card_declined}</p>
    </Notice>
  );
}

/** A decline cancels its order, sooner or later. A method that the bank does not know has no code: the order stays. */
function isLost(order: Order, declined: Payment): boolean {
  return declined.declineCode !== undefined || order.status === "cancelled";
}

interface PaymentFormProps {
  order: Order;
  userId: string;
  /** The payment after which another way is chosen. */
  declined: Payment | undefined;
  paid: () => void;
}

function PaymentForm({ order, userId, declined, paid }: PaymentFormProps) {
  const { payment: texts, common } = t.value;
  const begun = openPayment(order.id, userId);
  const [chosen, choose] = useState(begun ?? "pm_card_visa");
  const [waiting, setWaiting] = useState(false);
  const [leaving, setLeaving] = useState(false);
  const [resumed] = useState(begun !== undefined && declined === undefined);
  const credit = useLoad(() => payments.getCredit({}), [userId]);

  const paying = useAction(async (method?: string) => {
    const wait = (): void => setWaiting(true);
    try {
      const target = method && declined && isLost(order, declined) ? await orderAgain(order, userId, wait) : order;
      if (target.id !== order.id) navigate(`/orders/${target.id}`, { replace: true });
      const payment = await pay(target, userId, method, wait);
      if (payment?.status === "requires_action" && goToBank(payment)) setLeaving(true);
    } finally {
      setWaiting(false);
      paid();
    }
  });
  useEffect(() => {
    if (resumed) paying.run();
  }, []);
  useEffect(() => {
    if (declined) choose("pm_card_visa");
  }, [declined?.paymentId]);
  useEffect(() => {
    // The back button shows the page as it was left.
    const back = (): void => setLeaving(false);
    addEventListener("pageshow", back);
    return () => removeEventListener("pageshow", back);
  }, []);

  const busy = paying.busy || leaving;
  return (
    <form
      class="panel fields"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) paying.run(chosen);
      }}
    >
      <h2>{declined ? texts.another : texts.title}</h2>
      {declined && <Decline payment={declined} />}
      {declined && order.status === "cancelled" && <p class="muted">{texts.anotherText}</p>}
      <Methods amount={order.totalAmount} currency={order.currency} credit={credit.value?.balances ?? []} chosen={chosen} choose={choose} />
      {paying.error !== undefined && <Problem error={paying.error} />}
      {busy && (waiting || resumed || leaving) && (
        <Notice tone="info">
          <p>{leaving ? texts.goingToBank : waiting ? common.repeating : texts.resumed}</p>
        </Notice>
      )}
      <div class="buttons">
        <Submit busy={busy} label={texts.pay(money(order.totalAmount, order.currency))} busyLabel={texts.paying} />
      </div>
    </form>
  );
}

/** The bank wants the customer, who came back without an answer or has another tab. */
function ToBank({ payment, asked }: { payment: Payment; asked: () => void }) {
  const { payment: texts } = t.value;
  const going = useAction(async () => {
    const now = await insist(() => payments.confirmPayment({ id: payment.paymentId }), () => undefined);
    if (now.status !== "requires_action" || !goToBank(now)) asked();
  });
  return (
    <section class="panel">
      <h2>{texts.title}</h2>
      <Notice tone="info">
        <p>{texts.challenge}</p>
      </Notice>
      {going.error !== undefined && <Problem error={going.error} />}
      <div class="buttons">
        <button type="button" class="button primary" aria-disabled={going.busy} onClick={() => going.run()}>
          {texts.toBank}
        </button>
      </div>
    </section>
  );
}

function List({ payments: found }: { payments: readonly Payment[] }) {
  const { payment: texts, order } = t.value;
  const words: Readonly<Record<string, string>> = texts.status;
  if (found.length === 0) return null;
  return (
    <section class="panel">
      <h2>{order.payments}</h2>
      <ul class="plain">
        {found.map((payment) => (
          <li key={payment.paymentId}>
            {texts.at(money(payment.amount, payment.currency), words[payment.status] ?? payment.status)}
            {payment.createdAt && <span class="muted"> {when(timestampDate(payment.createdAt))}</span>}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Cancelling({ order }: { order: Order }) {
  const { order: texts } = t.value;
  const [asking, setAsking] = useState(false);
  const question = useRef<HTMLHeadingElement>(null);
  const cancelling = useAction(async () => {
    await insist(() => orders.updateOrderStatus({ id: order.id, status: "cancelled" }), () => undefined);
    setAsking(false);
  });
  useEffect(() => {
    if (asking) question.current?.focus();
  }, [asking]);
  if (order.status !== "pending" && order.status !== "confirmed") return null;
  if (!asking) {
    return (
      <div class="buttons">
        <button type="button" class="button danger" onClick={() => setAsking(true)}>
          {texts.cancel}
        </button>
      </div>
    );
  }
  return (
    <section class="panel">
      <h2 ref={question} tabIndex={-1}>
        {texts.cancelQuestion}
      </h2>
      {cancelling.error !== undefined && <Problem error={cancelling.error} />}
      <div class="buttons">
        <button type="button" class="button danger" aria-disabled={cancelling.busy} onClick={() => cancelling.run()}>
          {texts.cancelYes}
        </button>
        <button type="button" class="button secondary" onClick={() => setAsking(false)}>
          {texts.cancelNo}
        </button>
      </div>
    </section>
  );
}
