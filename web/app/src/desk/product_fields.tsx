/** The fields of a product, of a new one and of one that is changed. */

import type { Product } from "../gen/argosy/inventory/v1/product_pb";
import { TYPED, typed } from "../money";
import { Field, TextArea } from "../ui/fields";
import type { FormState, Values } from "../ui/hooks";
import { d } from "./texts";

type Known = Pick<Product, "name" | "description" | "price" | "currency">;

export function ProductFields({ form, value }: { form: FormState; value?: Known }) {
  const { product: texts } = d.value;
  return (
    <>
      <Field form={form} name="name" label={texts.name} value={value?.name} maxLength={200} required />
      <TextArea form={form} name="description" label={texts.description} value={value?.description} maxLength={2000} />
      <div class="columns">
        <Field form={form} name="price" label={texts.price} value={value?.price} inputMode="decimal" pattern={TYPED} required />
        <Field form={form} name="currency" label={texts.currency} value={value?.currency ?? "USD"} pattern="[A-Za-z]{3}" maxLength={3} required />
      </div>
      <Field form={form} name="lowStockThreshold" label={texts.threshold} hint={value ? texts.thresholdKept : texts.thresholdText} inputMode="numeric" pattern="\d{1,9}" />
    </>
  );
}

export function productOf({ name = "", description = "", price = "", currency = "", lowStockThreshold }: Values) {
  return {
    name,
    description,
    price: typed(price),
    currency,
    ...(lowStockThreshold ? { lowStockThreshold: Number(lowStockThreshold) } : {}),
  };
}
