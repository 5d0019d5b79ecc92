/** What a person reads of an order. */

import { t } from "./texts";

/** The end of an order's id. */
export function shortId(id: string): string {
  return id.slice(-8).toUpperCase();
}

export function statusText(status: string): string {
  const texts: Readonly<Record<string, string>> = t.value.order.status;
  return texts[status] ?? status;
}
