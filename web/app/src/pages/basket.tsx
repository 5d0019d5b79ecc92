import { useEffect, useState } from "preact/hooks";
import { change, type Group, groups, type Line, lines, remove } from "../basket";
import { times } from "../money";
import { checkPrices, type Finding } from "../prices";
import { t } from "../texts";
import { Art } from "../ui/art";
import { QuantityInput } from "../ui/fields";
import { announce, Money, money, Notice, Page } from "../ui/parts";

export default function Basket() {
  const { basket, common, catalog } = t.value;
  const [findings, setFindings] = useState<readonly Finding[]>([]);
  const [unchecked, setUnchecked] = useState(false);
  useEffect(() => {
    checkPrices().then(setFindings, () => setUnchecked(true));
  }, []);

  return (
    <Page title={basket.title}>
      {findings.filter(stillTrue).map((finding) => (
        <Notice key={`${finding.kind}-${finding.line.productId}`} tone={finding.kind === "stock" ? "bad" : "info"}>
          <p>{text(finding)}</p>
        </Notice>
      ))}
      {unchecked && (
        <Notice tone="info">
          <p>{basket.unchecked}</p>
        </Notice>
      )}
      {lines.value.length === 0 ? (
        <div class="empty">
          <p>{basket.empty}</p>
          <a class="button" href="/">
            {catalog.title}
          </a>
        </div>
      ) : (
        <>
          {groups.value.length > 1 && <p class="muted">{basket.groups}</p>}
          {groups.value.map((group) => (
            <GroupOfLines key={group.currency} group={group} alone={groups.value.length === 1} />
          ))}
          <p>
            <a href="/">{common.back}</a>
          </p>
        </>
      )}
    </Page>
  );
}

/** Whether a finding still applies to the basket. */
function stillTrue(finding: Finding): boolean {
  if (finding.kind !== "stock") return true;
  const line = lines.value.find((one) => one.productId === finding.line.productId);
  return line !== undefined && line.quantity > finding.left;
}

function text(finding: Finding): string {
  const { basket } = t.value;
  const { name, price, currency } = finding.line;
  if (finding.kind === "gone") return basket.gone(name);
  if (finding.kind === "stock") return basket.less(name, finding.left);
  return basket.priceChanged(name, money(price, currency), money(finding.now, finding.currency));
}

function GroupOfLines({ group, alone }: { group: Group; alone: boolean }) {
  const { basket } = t.value;
  return (
    <section class="basket-group" aria-label={alone ? basket.title : basket.groupOf(group.currency)}>
      {!alone && <h2>{basket.groupOf(group.currency)}</h2>}
      <ul class="lines">
        {group.lines.map((line) => (
          <BasketLine key={line.productId} line={line} />
        ))}
      </ul>
      <div class="basket-foot">
        <p class="total">
          {basket.total} <Money amount={group.total} currency={group.currency} />
        </p>
        <a class="button primary" href={`/checkout/${group.currency}`}>
          {basket.checkout}
        </a>
      </div>
    </section>
  );
}

function BasketLine({ line }: { line: Line }) {
  const { basket, common } = t.value;
  const { productId, name, price, currency, quantity } = line;

  function takeOut(): void {
    remove(productId);
    announce(basket.removed(name));
    document.querySelector<HTMLElement>("h1")?.focus();
  }

  return (
    <li class="line">
      <Art id={productId} />
      <div class="line-name">
        <a href={`/products/${productId}`}>{name}</a>
        <span class="muted">{basket.each(money(price, currency))}</span>
      </div>
      <QuantityInput label={basket.quantityOf(name)} value={quantity} most={1000} change={(wanted) => change(productId, { quantity: wanted })} />
      <strong class="line-total">
        <Money amount={times(price, quantity)} currency={currency} />
      </strong>
      <button type="button" class="link" aria-label={basket.removeOf(name)} onClick={takeOut}>
        {common.remove}
      </button>
    </li>
  );
}
