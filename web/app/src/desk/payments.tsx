/** The payments of an order, their refunds, and the form that refunds. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { useEffect, useState } from "preact/hooks";
import type { Order } from "../gen/argosy/order/v1/order_pb";
import type { Payment, Refund } from "../gen/argosy/payment/v1/payment_pb";
import { minus, sum, TYPED, typed } from "../money";
import { payments } from "../rpc";
import { t } from "../texts";
import { Field, FormProblem } from "../ui/fields";
import { type Loaded, useForm, useLoad, usePolling } from "../ui/hooks";
import { Loading, money, Notice, Problem, Submit, when } from "../ui/parts";
import { Fact } from "./facts";
import { type Intention, useIntention } from "./once";
import { d } from "./texts";
import { Waiting } from "./waiting";

const MOST = 100;
const MOVING: ReadonlySet<string> = new Set(["pending", "processing"]);
/** States of a payment that has money which may go back. */
const REFUNDABLE: ReadonlySet<string> = new Set(["succeeded", "partially_refunded"]);
/** States of a refund that takes its amount from the payment. */
const TAKING: ReadonlySet<string> = new Set(["pending", "succeeded"]);

export function Payments({ order, userId }: { order: Order; userId: string }) {
  const { payments: words } = d.value;
  const found = useLoad(() => payments.listPayments({ orderId: order.id, pageSize: MOST }), [order.id, order.status]);
  const list = found.value?.payments;
  // A cancellation gives the money back a moment later.
  const returning = order.status === "cancelled" && list?.some((payment) => REFUNDABLE.has(payment.status));
  const moving = returning || list?.some((payment) => MOVING.has(payment.status));
  usePolling(moving === true, found.reload, [order.status]);
  return (
    <section class="panel">
      <h2>{t.value.order.payments}</h2>
      {found.error !== undefined && <Problem error={found.error} retry={found.reload} />}
      {!list && found.error === undefined && <Loading />}
      {list?.length === 0 && <p>{words.none}</p>}
      {list?.map((payment) => (
        <PaymentPart key={payment.paymentId} payment={payment} userId={userId} changed={found.reload} />
      ))}
    </section>
  );
}

interface PaymentProps {
  payment: Payment;
  userId: string;
  changed: () => void;
}

function PaymentPart({ payment, userId, changed }: PaymentProps) {
  const { payment: texts } = t.value;
  const statuses: Readonly<Record<string, string>> = texts.status;
  const refunds = useLoad(async () => {
    const { refunds: found } = await payments.listRefunds({ id: payment.paymentId, pageSize: MOST });
    return found;
  }, [payment.paymentId, payment.status]);
  const pending = refunds.value?.some((refund) => refund.status === "pending") === true;
  usePolling(pending, () => (refunds.reload(), changed()), []);
  return (
    <div class="stack payment">
      <h3>{texts.at(money(payment.amount, payment.currency), statuses[payment.status] ?? payment.status)}</h3>
      <Details payment={payment} />
      {refunds.error !== undefined && <Problem error={refunds.error} retry={refunds.reload} />}
      {refunds.value && refunds.value.length > 0 && <Refunds refunds={refunds.value} />}
      {refunds.value && <RefundPart {...{ payment, userId, changed }} refunds={refunds} />}
    </div>
  );
}

function Details({ payment }: { payment: Payment }) {
  const { payments: words } = d.value;
  const { provider, declineCode, dispute, stranded, createdAt, providerFee, netAmount, settlementCurrency = "" } = payment;
  const named = (names: Readonly<Record<string, string>>, name: string): string => names[name] ?? name;
  const rows: (readonly [string, string | undefined])[] = [
    [words.id, payment.paymentId],
    [words.provider, provider && named(words.providers, provider)],
    [words.at, createdAt && when(timestampDate(createdAt))],
    [words.fee, providerFee && money(providerFee, settlementCurrency)],
    [words.net, netAmount && money(netAmount, settlementCurrency)],
    [words.decline, declineCode],
    [words.dispute, dispute && named(words.disputes, dispute)],
    [words.stranded, stranded && named(words.strandings, stranded)],
  ];
  return (
    <dl class="facts">
      {rows.map(([label, text]) => text && <Fact key={label} name={label}>{text}</Fact>)}
    </dl>
  );
}

function Refunds({ refunds }: { refunds: readonly Refund[] }) {
  const { refunds: words } = d.value;
  const statuses: Readonly<Record<string, string>> = words.status;
  const reasons: Readonly<Record<string, string>> = words.reasons;
  return (
    <table>
      <caption>{words.title}</caption>
      <thead>
        <tr>
          <th scope="col">{words.refund}</th>
          <th scope="col">{words.state}</th>
          <th scope="col" class="number">
            {words.amount}
          </th>
        </tr>
      </thead>
      <tbody>
        {refunds.map((refund) => (
          <tr key={refund.id}>
            <td>
              {reasons[refund.reason] ?? refund.reason}
              {refund.createdAt && <span class="muted">{when(timestampDate(refund.createdAt))}</span>}
            </td>
            <td>
              {statuses[refund.status] ?? refund.status}
              {refund.failureCode && <span class="muted">{refund.failureCode}</span>}
            </td>
            <td class="number">{money(refund.amount, refund.currency)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

interface RefundRequest {
  id: string;
  amount: number;
  reason?: string;
  to?: string;
}

interface RefundProps extends PaymentProps {
  refunds: Loaded<readonly Refund[]>;
}

function RefundPart({ payment, userId, changed, refunds }: RefundProps) {
  const { refunds: words, once } = d.value;
  const [open, setOpen] = useState(false);
  const [made, setMade] = useState<Refund>();
  const reload = (): void => {
    refunds.reload();
    changed();
  };
  const intention = useIntention<RefundRequest, Refund>(
    `refund.${payment.paymentId}`,
    userId,
    (request, options) => payments.createRefund(request, options),
    (refund) => {
      setMade(refund);
      setOpen(false);
      reload();
    },
  );
  const seen = refunds.value ?? [];
  const left = minus(payment.amount, sum(["0", ...seen.filter(({ status }) => TAKING.has(status)).map(({ amount }) => amount)]));
  /** The one just made, as the list has it by now. */
  const listed = seen.find(({ id }) => id === made?.id);
  const current = !made || listed !== undefined;
  /** Refunds of another tab or colleague must be seen first. */
  const unchanged = async (): Promise<void> => {
    const { refunds: now } = await payments.listRefunds({ id: payment.paymentId, pageSize: 1 });
    if (now[0]?.id === seen[0]?.id) return;
    reload();
    throw new ConnectError("refunded meanwhile", Code.Aborted);
  };

  if (intention.resuming) {
    return (
      <Notice tone="info">
        <p>{once.resumed}</p>
      </Notice>
    );
  }
  return (
    <>
      {intention.error !== undefined && <Problem error={intention.error} />}
      {made && !open && <Made refund={listed ?? made} />}
      {!open && current && REFUNDABLE.has(payment.status) && (
        <div class="buttons">
          <button type="button" class="button secondary" onClick={() => setOpen(true)}>
            {words.open}
          </button>
        </div>
      )}
      {open && (
        <RefundForm
          payment={payment}
          left={left}
          intention={intention}
          refund={(request) => intention.carryOut(async () => (await unchanged(), request))}
          close={() => setOpen(false)}
        />
      )}
    </>
  );
}

function Made({ refund }: { refund: Refund }) {
  const { refunds: words } = d.value;
  const statuses: Readonly<Record<string, string>> = words.status;
  const failed = refund.status === "failed" || refund.status === "cancelled";
  return (
    <Notice tone={failed ? "bad" : "good"}>
      <p>{words.made(money(refund.amount, refund.currency), statuses[refund.status] ?? refund.status)}</p>
    </Notice>
  );
}

interface RefundFormProps {
  payment: Payment;
  left: string;
  intention: Intention<RefundRequest>;
  refund: (request: RefundRequest) => Promise<void>;
  close: () => void;
}

function RefundForm({ payment, left, intention, refund, close }: RefundFormProps) {
  const { refunds: words, fields } = d.value;
  const form = useForm(({ amount = "", reason, to }) => {
    return refund({ id: payment.paymentId, amount: typed(amount), ...(reason ? { reason } : {}), ...(to ? { to } : {}) });
  }, fields);
  useEffect(() => form.form.ref.current?.querySelector("input")?.focus(), []);
  return (
    <form {...form.form} class="fields">
      <p>{words.left(money(left, payment.currency))}</p>
      <div class="columns">
        <Field form={form} name="amount" label={words.amountIn(payment.currency)} value={left} inputMode="decimal" pattern={TYPED} required />
        <Field form={form} name="reason" label={words.reason} maxLength={200} />
      </div>
      {payment.provider === "stripe" && (
        <label class="check">
          <input type="checkbox" name="to" value="store_credit" />
          <span>{words.toCredit}</span>
        </label>
      )}
      <FormProblem form={form} />
      <Waiting intention={intention} />
      <div class="buttons">
        <Submit busy={form.busy} label={words.submit} busyLabel={words.submitting} />
        <button type="button" class="button secondary" disabled={form.busy} onClick={close}>
          {t.value.common.cancel}
        </button>
      </div>
    </form>
  );
}
