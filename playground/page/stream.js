// @ts-check
// What the server sends, as it happens. While the page is hidden it receives nothing, so that the server observes nothing.

/** @typedef {"parts" | "figures" | "orders" | "story" | "event" | "spark" | "note" | "outcome"} Kind */

const KINDS = /** @type {const} */ (["parts", "figures", "orders", "story", "event", "spark", "note", "outcome"]);
const PAUSE_MS = 3000;

/**
 * Calls `show[kind]` with the data of each message, and `connected` whenever the connection comes or goes.
 * @param {Record<Kind, (data: any) => void>} show
 * @param {(there: boolean) => void} connected
 */
export function follow(show, connected) {
  /** @type {EventSource | null} */
  let source = null;

  function open() {
    if (source || document.hidden) return;
    const opened = new EventSource("/events");
    source = opened;
    opened.onopen = () => connected(true);
    opened.onerror = () => {
      connected(false);
      // The browser connects again by itself, except after an answer that is an error.
      if (opened.readyState !== EventSource.CLOSED) return;
      source = null;
      setTimeout(open, PAUSE_MS);
    };
    for (const kind of KINDS) {
      opened.addEventListener(kind, (message) => show[kind](JSON.parse(/** @type {MessageEvent} */ (message).data)));
    }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      source?.close();
      source = null;
    } else open();
  });
  open();
}
