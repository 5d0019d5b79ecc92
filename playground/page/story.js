// @ts-check
// The story of the chosen order, the latest orders, and the events on the bus.

import { byId, make } from "./dom.js";

/** @typedef {{at: string, gap: string, service: string, kind: string, text: string, ahead: boolean}} Line */
/** @typedef {{order: string, missing: string[], lines: Line[]}} Story */
/** @typedef {{chosen: string, latest: {id: string, status: string}[]}} Orders */
/** @typedef {{time: string, topic: string, type: string | null, key: string, unreadable: string | null}} BusEvent */

const MOST_EVENTS = 60;
let shown = { order: "", count: 0 };

/** @param {Story} story */
export function showStory({ order, missing, lines }) {
  const list = byId("story");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  const before = order === shown.order ? shown.count : 0;
  list.replaceChildren(...lines.map((line, index) => storyLine(line, before > 0 && index >= before)));
  shown = { order, count: lines.length };
  byId("missing").textContent = missing.length ? `Not readable at the moment: the store of ${missing.join(", ")}` : "";
  if (atEnd || before === 0) list.scrollTop = list.scrollHeight;
}

/** @param {Line} line @param {boolean} fresh */
function storyLine({ at, gap, service, kind, text, ahead }, fresh) {
  const time = at.slice(11, 23);
  return make(
    "li",
    { class: `${kind}${ahead ? " ahead" : ""}${fresh ? " fresh" : ""}` },
    make("time", { datetime: at, title: at }, time),
    make("span", { class: "gap" }, gap),
    make("span", { class: "service" }, service),
    make("span", { class: "text" }, text),
  );
}

/** @param {Orders} orders */
export function showOrders({ chosen, latest }) {
  const focused = document.activeElement?.getAttribute("data-order");
  const buttons = latest.slice(0, 6).map(({ id, status }) =>
    make(
      "button",
      { type: "button", class: "order", "data-order": id, "aria-pressed": String(id === chosen), title: id },
      make("span", { class: `dot ${status}` }),
      `${id.slice(-6)} ${status}`,
    ),
  );
  byId("orders").replaceChildren(...buttons);
  if (focused) buttons.find((button) => button.dataset.order === focused)?.focus();
}

/** @param {BusEvent} event */
export function showEvent({ time, topic, type, key, unreadable }) {
  const list = byId("bus");
  const dead = topic.endsWith(".dlq");
  list.prepend(
    make(
      "li",
      { class: dead ? "dead" : "" },
      make("time", { datetime: time }, time.slice(11, 23)),
      make("span", { class: "topic" }, topic),
      make("span", { class: "text" }, unreadable ? "not an event" : type ?? "?"),
      make("span", { class: "key", title: key }, key.slice(-6)),
    ),
  );
  while (list.children.length > MOST_EVENTS) list.lastElementChild?.remove();
}
