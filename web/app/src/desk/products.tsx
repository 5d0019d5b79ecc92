/** The catalog, with what is left of each product. */

import type { Product } from "../gen/argosy/inventory/v1/product_pb";
import { products } from "../rpc";
import { usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { Loading, Money, Problem } from "../ui/parts";
import { DeskPage } from "./frame";
import { d } from "./texts";

const PAGE = 50;

export default function Products() {
  const { products: texts } = d.value;
  const pages = usePages(async (pageToken) => {
    const page = await products.listProducts({ pageSize: PAGE, pageToken });
    return { items: page.products, next: page.nextPageToken };
  }, []);
  return (
    <DeskPage title={texts.title}>
      <p>
        <a class="button" href="/desk/new-product">
          {texts.create}
        </a>
      </p>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items && <Table products={pages.items} />}
      <More pages={pages} />
    </DeskPage>
  );
}

function Table({ products: found }: { products: readonly Product[] }) {
  const { products: texts } = d.value;
  return (
    <table>
      <thead>
        <tr>
          <th scope="col">{texts.product}</th>
          <th scope="col" class="number">
            {texts.price}
          </th>
          <th scope="col" class="number">
            {texts.available}
          </th>
        </tr>
      </thead>
      <tbody>
        {found.map(({ id, name, price, currency, available }) => (
          <tr key={id}>
            <td>
              <a href={`/desk/products/${id}`}>{name}</a>
              <span class="muted">{id}</span>
            </td>
            <td class="number">
              <Money amount={price} currency={currency} />
            </td>
            <td class="number">{available}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
