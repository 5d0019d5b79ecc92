/** The goods of an order, with its total. */

import { times } from "../money";
import { t } from "../texts";
import { Money, money } from "./parts";

export interface SummaryLine {
  productId: string;
  name: string;
  price: string;
  quantity: number;
}

export function Summary({ lines, total, currency }: { lines: readonly SummaryLine[]; total: string; currency: string }) {
  const { basket } = t.value;
  return (
    <div class="summary">
      <ul>
        {lines.map(({ productId, name, price, quantity }) => (
          <li key={productId}>
            <span>
              <a href={`/products/${productId}`}>{name}</a>
              <span class="muted">
                {quantity} × {money(price, currency)}
              </span>
            </span>
            <Money amount={times(price, quantity)} currency={currency} />
          </li>
        ))}
      </ul>
      <p class="total">
        <span>{basket.total}</span> <Money amount={total} currency={currency} />
      </p>
    </div>
  );
}
