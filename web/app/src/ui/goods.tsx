/** The goods of an order with their names, and where they go. */

import type { Order } from "../gen/argosy/order/v1/order_pb";
import { products } from "../rpc";
import { t } from "../texts";
import { useLoad } from "./hooks";
import { countryName } from "./parts";
import { Summary } from "./summary";

export function Goods({ order }: { order: Order }) {
  const { order: texts } = t.value;
  const ids = order.items.map((item) => item.productId);
  const names = useLoad(async () => {
    const found = await Promise.allSettled(ids.map((id) => products.getProduct({ id })));
    return new Map(found.flatMap((one) => (one.status === "fulfilled" ? [[one.value.id, one.value.name]] : [])));
  }, [ids.join()]);
  const lines = order.items.map((item) => ({ ...item, name: names.value?.get(item.productId) ?? item.productId }));
  const address = order.shippingAddress;
  return (
    <aside class="panel" aria-label={texts.items}>
      <h2>{texts.items}</h2>
      <Summary lines={lines} total={order.totalAmount} currency={order.currency} />
      {address && (
        <>
          <h3>{texts.shipTo}</h3>
          <address>
            {address.street}
            <br />
            {[address.zipCode, address.city, address.state].filter(Boolean).join(" ")}
            <br />
            {countryName(address.country)}
          </address>
        </>
      )}
    </aside>
  );
}
