/** The ways to pay: Stripe's test cards by name, and store credit. */

import { covers } from "../money";
import type { CreditBalance } from "../gen/argosy/payment/v1/payment_pb";
import { t } from "../texts";
import { money } from "./parts";

export const CREDIT = "store_credit";

interface MethodsProps {
  amount: string;
  currency: string;
  credit: readonly CreditBalance[];
  chosen: string;
  choose: (method: string) => void;
}

export function Methods({ amount, currency, credit, chosen, choose }: MethodsProps) {
  const { payment, cards } = t.value;
  const balance = credit.find((one) => one.currency === currency && Number(one.amount) > 0);
  const enough = balance !== undefined && covers(balance.amount, amount);
  return (
    <fieldset class="methods">
      <legend>{payment.method}</legend>
      <p class="hint">{payment.testCards}</p>
      {balance && (
        <Method
          id={CREDIT}
          name={payment.credit}
          outcome={(enough ? payment.creditBalance : payment.creditShort)(money(balance.amount, currency))}
          disabled={!enough}
          {...{ chosen, choose }}
        />
      )}
      {Object.entries(cards).map(([id, { name, outcome }]) => (
        <Method key={id} {...{ id, name, outcome, chosen, choose }} />
      ))}
    </fieldset>
  );
}

interface MethodProps {
  id: string;
  name: string;
  outcome: string;
  disabled?: boolean;
  chosen: string;
  choose: (method: string) => void;
}

function Method({ id, name, outcome, disabled = false, chosen, choose }: MethodProps) {
  return (
    <label class="method">
      <input type="radio" name="method" value={id} checked={chosen === id} disabled={disabled} onChange={() => choose(id)} />
      <span>
        <span class="method-name">{name}</span>
        <span class="muted">{outcome}</span>
      </span>
    </label>
  );
}
