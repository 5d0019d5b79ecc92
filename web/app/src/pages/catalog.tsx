import { useEffect } from "preact/hooks";
import { list, listing, listMore } from "../catalog";
import type { Product } from "../gen/argosy/inventory/v1/product_pb";
import { navigate, place } from "../router";
import { t } from "../texts";
import { Art } from "../ui/art";
import { useAction } from "../ui/hooks";
import { announce, Loading, Money, Page, Problem } from "../ui/parts";

export default function Catalog() {
  const { catalog, common } = t.value;
  const query = place.value.query.get("q") ?? "";
  const loading = useAction(list);
  const more = useAction(listMore);
  const shown = listing.value?.query === query ? listing.value : undefined;
  useEffect(() => {
    if (!shown) loading.restart(query); // another search may still be loading
  }, [query]);
  useEffect(() => {
    if (shown && query) announce(counted());
  }, [shown?.found.length, query]);

  function counted(): string {
    const count = shown?.found.length ?? 0;
    if (count === 0) return catalog.none;
    return shown?.nextPageToken ? catalog.foundMore(count, query) : catalog.found(count, query);
  }

  return (
    <Page title={catalog.title} lead={catalog.lead}>
      <form class="search" role="search" onSubmit={search}>
        <label class="visually-hidden" for="q">
          {catalog.search}
        </label>
        <input id="q" name="q" type="search" placeholder={catalog.search} defaultValue={query} key={query} maxLength={100} />
        <button class="button secondary" type="submit">
          {catalog.submit}
        </button>
      </form>
      {query && shown && (
        <p class="search-result">
          {counted()} <a href="/">{catalog.clear}</a>
        </p>
      )}
      {loading.error !== undefined && <Problem error={loading.error} retry={() => loading.run(query)} />}
      {!shown && loading.error === undefined && <Loading />}
      {shown && !query && shown.found.length === 0 && <p>{catalog.empty}</p>}
      {shown && (
        <ul class="tiles">
          {shown.found.map((product) => (
            <Tile key={product.id} product={product} />
          ))}
        </ul>
      )}
      {more.error !== undefined && <Problem error={more.error} />}
      {shown?.nextPageToken && (
        <p class="more">
          <button type="button" class="button secondary" aria-disabled={more.busy} onClick={() => more.run()}>
            {more.busy ? common.loading : common.more}
          </button>
        </p>
      )}
    </Page>
  );
}

function search(event: SubmitEvent): void {
  event.preventDefault();
  const words = String(new FormData(event.currentTarget as HTMLFormElement).get("q") ?? "").trim();
  navigate(words ? `/?q=${encodeURIComponent(words)}` : "/");
}

function Tile({ product }: { product: Product }) {
  return (
    <li class="tile">
      <Art id={product.id} />
      <div class="tile-text">
        <h2>
          <a href={`/products/${product.id}`}>{product.name}</a>
        </h2>
        <p class="description">{product.description}</p>
        <p class="tile-foot">
          <strong>
            <Money amount={product.price} currency={product.currency} />
          </strong>
          <Stock available={product.available} quiet />
        </p>
      </div>
    </li>
  );
}

const FEW = 10;

/** How many are left. `quiet`: only if it matters. */
export function Stock({ available, quiet = false }: { available: number; quiet?: boolean }) {
  const { product } = t.value;
  if (available <= 0) return <span class="stock none">{product.soldOut}</span>;
  if (available <= FEW) return <span class="stock few">{product.few(available)}</span>;
  return quiet ? null : <span class="stock">{product.available}</span>;
}
