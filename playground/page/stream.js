// @ts-check
// What the server sends, as it happens. The browser connects again by itself.

/** @typedef {"parts" | "figures" | "orders" | "story" | "event" | "spark" | "note" | "outcome"} Kind */

const KINDS = /** @type {const} */ (["parts", "figures", "orders", "story", "event", "spark", "note", "outcome"]);

/**
 * Calls `show[kind]` with the data of each message, and `connected` whenever the connection comes or goes.
 * @param {Record<Kind, (data: any) => void>} show
 * @param {(there: boolean) => void} connected
 */
export function follow(show, connected) {
  const source = new EventSource("/events");
  source.onopen = () => connected(true);
  source.onerror = () => {
    connected(false);
    // Closed for good: the server answered with an error. It may be starting.
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(show, connected), 3000);
  };
  for (const kind of KINDS) {
    source.addEventListener(kind, (message) => show[kind](JSON.parse(/** @type {MessageEvent} */ (message).data)));
  }
}
