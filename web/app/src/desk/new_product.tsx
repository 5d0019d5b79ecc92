import type { Product } from "../gen/argosy/inventory/v1/product_pb";
import { navigate } from "../router";
import { products } from "../rpc";
import { userId } from "../session";
import { Field, FormProblem } from "../ui/fields";
import { useForm } from "../ui/hooks";
import { Problem, Submit } from "../ui/parts";
import { DeskPage } from "./frame";
import { useIntention } from "./once";
import { ProductFields, productOf } from "./product_fields";
import { d } from "./texts";
import { Waiting } from "./waiting";

type Request = ReturnType<typeof productOf> & { id: string };

export default function NewProduct() {
  const { products: texts, product, fields } = d.value;
  const intention = useIntention<Request, Product>(
    "product",
    userId.value ?? "",
    (request, options) => products.createProduct(request, options),
    ({ id }) => navigate(`/desk/products/${id}`, { replace: true }),
  );
  const form = useForm((values) => intention.carryOut(() => ({ id: values["id"] ?? "", ...productOf(values) })), fields);
  return (
    <DeskPage title={texts.create}>
      {intention.error !== undefined && <Problem error={intention.error} />}
      <form {...form.form} class="panel fields">
        <Field form={form} name="id" label={product.id} hint={product.idText} pattern="[a-z0-9][a-z0-9\-]{0,63}" required />
        <ProductFields form={form} />
        <FormProblem form={form} />
        <Waiting intention={intention} />
        <div class="buttons">
          <Submit busy={form.busy || intention.resuming} label={product.create} />
        </div>
      </form>
    </DeskPage>
  );
}
