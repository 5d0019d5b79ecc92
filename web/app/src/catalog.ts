/** The pages of the catalog that were read, and the search in it. They stay while other pages are shown. */

import { signal } from "@preact/signals";
import type { Product } from "./gen/argosy/inventory/v1/product_pb";
import { products } from "./rpc";

const PAGE = 24;
/** The API lists, and does not search: a search reads pages of this size until it has found enough. */
const SEARCH_PAGE = 100;

export interface Listing {
  query: string;
  found: readonly Product[];
  /** Of the next page; empty after the last one. */
  nextPageToken: string;
}

/** The last listing. */
export const listing = signal<Listing | undefined>(undefined);

/** The first products, or those that match the query. @throws ConnectError */
export async function list(query: string): Promise<void> {
  await extend({ query, found: [], nextPageToken: "" });
}

/** More of the same. @throws ConnectError */
export async function listMore(): Promise<void> {
  if (listing.value?.nextPageToken) await extend(listing.value);
}

let turn = 0;

/** An answer that comes after a newer request has begun is dropped: it belongs to an earlier search. */
async function extend(from: Listing): Promise<void> {
  const { query } = from;
  const mine = ++turn;
  const found = [...from.found];
  const wanted = found.length + PAGE;
  let pageToken = from.nextPageToken;
  do {
    const page = await products.listProducts({ pageSize: query ? SEARCH_PAGE : PAGE, pageToken });
    found.push(...page.products.filter((product) => matches(product, query)));
    pageToken = page.nextPageToken;
  } while (query && pageToken && found.length < wanted);
  if (mine === turn) listing.value = { query, found, nextPageToken: pageToken };
}

/** Whether each word of the query is in the product's texts. */
export function matches({ id, name, description }: Pick<Product, "id" | "name" | "description">, query: string): boolean {
  const text = plain(`${id} ${name} ${description}`);
  return plain(query)
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** Lower case, without accents. */
function plain(text: string): string {
  return text
    .normalize("NFD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .trim();
}
