/** A customer's store credit, and the form that grants more. */

import { useState } from "preact/hooks";
import type { CreditEntry } from "../gen/argosy/payment/v1/payment_pb";
import { typed } from "../money";
import { payments } from "../rpc";
import { userId } from "../session";
import { t } from "../texts";
import { Balances, Entries } from "../ui/credit";
import { Field, FormProblem } from "../ui/fields";
import { useForm, useLoad, type Values } from "../ui/hooks";
import { money, Notice, Problem, Submit } from "../ui/parts";
import { useIntention } from "./once";
import { d } from "./texts";
import { Waiting } from "./waiting";

export function Credit({ customerId }: { customerId: string }) {
  const { grant } = d.value;
  const found = useLoad(() => payments.getCredit({ userId: customerId }), [customerId]);
  const [last, setLast] = useState<CreditEntry>();
  return (
    <>
      <section class="panel">
        <h2>{t.value.account.credit}</h2>
        <Balances found={found} none={grant.noCredit} />
        <Grant
          customerId={customerId}
          staffId={userId.value ?? ""}
          currency={found.value?.balances[0]?.currency ?? "USD"}
          granted={(entry) => {
            setLast(entry);
            found.reload();
          }}
        />
        {last && (
          <Notice tone="good">
            <p>{grant.done(money(last.amount, last.currency))}</p>
          </Notice>
        )}
      </section>
      <Entries userId={customerId} round={last?.id ?? ""} />
    </>
  );
}

interface GrantRequest {
  userId: string;
  amount: number;
  currency: string;
  reason: string;
}

interface GrantProps {
  customerId: string;
  staffId: string;
  currency: string;
  granted: (entry: CreditEntry) => void;
}

function Grant({ customerId, staffId, currency, granted }: GrantProps) {
  const { grant, once } = d.value;
  const intention = useIntention<GrantRequest, CreditEntry>(
    `grant.${customerId}`,
    staffId,
    (request, options) => payments.grantCredit(request, options),
    granted,
  );
  const form = useForm(async (values) => {
    await intention.carryOut(() => requestOf(customerId, values));
    form.form.ref.current?.reset();
  }, grant.fields);
  if (intention.resuming) {
    return (
      <Notice tone="info">
        <p>{once.resumed}</p>
      </Notice>
    );
  }
  return (
    <form {...form.form} class="fields">
      <h3>{grant.submit}</h3>
      <div class="columns">
        <Field form={form} name="amount" label={grant.amount} inputMode="decimal" pattern={AMOUNT} maxLength={15} required />
        <Field form={form} name="currency" label={grant.currency} value={currency} pattern="[A-Za-z]{3}" maxLength={3} required />
      </div>
      <Field form={form} name="reason" label={grant.reason} hint={grant.reasonHint} maxLength={200} required />
      {intention.error !== undefined && <Problem error={intention.error} />}
      <FormProblem form={form} />
      <Waiting intention={intention} />
      <div class="buttons">
        <Submit busy={form.busy} label={grant.submit} kind="secondary" />
      </div>
    </form>
  );
}

/** "12", "12.50" or "12,50". */
const AMOUNT = "\\d+([.,]\\d{1,3})?";

function requestOf(userId: string, { amount = "", currency = "", reason = "" }: Values): GrantRequest {
  return { userId, amount: typed(amount), currency: currency.toUpperCase(), reason };
}
