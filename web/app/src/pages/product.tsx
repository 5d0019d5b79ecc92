import { useState } from "preact/hooks";
import { add, MOST_PIECES } from "../basket";
import { failureOf } from "../failures";
import type { Product } from "../gen/argosy/inventory/v1/product_pb";
import type { Params } from "../router";
import { products } from "../rpc";
import { t } from "../texts";
import { Art } from "../ui/art";
import { QuantityInput } from "../ui/fields";
import { useLoad } from "../ui/hooks";
import { DeadEnd, Loading, Money, Notice, Page, Problem } from "../ui/parts";
import { Stock } from "./catalog";

export default function ProductPage({ params }: { params: Params }) {
  const id = params["id"] ?? "";
  const { value, error, reload } = useLoad(() => products.getProduct({ id }), [id]);
  if (value) return <Shown key={id} product={value} />;
  if (error === undefined) return <Loading />;
  if (["NOT_FOUND", "PRODUCT_UNKNOWN", "INVALID_ARGUMENT"].includes(failureOf(error).reason)) return <Unknown />;
  return (
    <Page title={t.value.catalog.title}>
      <Problem error={error} retry={reload} />
    </Page>
  );
}

function Unknown() {
  return <DeadEnd title={t.value.product.unknown} lead={t.value.product.unknownText} />;
}

function Shown({ product }: { product: Product }) {
  const { product: texts, common } = t.value;
  const [quantity, setQuantity] = useState(1);
  const [added, setAdded] = useState<{ text: string; done: boolean }>();

  function toBasket(event: SubmitEvent): void {
    event.preventDefault();
    const { id: productId, name, price, currency } = product;
    const done = add({ productId, name, price, currency, quantity });
    setAdded({ text: done ? texts.added(quantity, name) : texts.full, done });
  }

  return (
    <Page title={product.name}>
      <div class="product">
        <Art id={product.id} />
        <div class="product-text">
          <p class="description">{product.description}</p>
          <p class="price">
            <Money amount={product.price} currency={product.currency} />
          </p>
          <p>
            <Stock available={product.available} />
          </p>
          {product.available > 0 && (
            <form class="buy" onSubmit={toBasket}>
              <QuantityInput label={texts.quantity} value={quantity} most={Math.min(MOST_PIECES, product.available)} change={setQuantity} />
              <button class="button primary" type="submit">
                {texts.add}
              </button>
            </form>
          )}
          {added && (
            <Notice tone={added.done ? "good" : "bad"}>
              <p>{added.text}</p>
              <p>
                <a href="/basket">{texts.toBasket}</a>
              </p>
            </Notice>
          )}
          <p>
            <a href="/">{common.back}</a>
          </p>
        </div>
      </div>
    </Page>
  );
}
