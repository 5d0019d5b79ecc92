// @ts-check
// Puts the page together: the map, the story, the buttons.

import { ask, onClick, say, showCounts } from "./acts.js";
import { byId, fill, make } from "./dom.js";
import { rate, SystemMap } from "./map.js";
import { showEvent, showOrders, showStory } from "./story.js";
import { follow } from "./stream.js";
import { setUpTour } from "./tour.js";

/** @typedef {import("./layout.js").Plan} Plan */
/** @typedef {import("./map.js").Figures} Figures */

/** @type {[string, string][]} */
const CARDS = [
  ["pm_card_visa", "works"],
  ["pm_card_visa_chargeDeclined", "is declined"],
  ["pm_card_visa_chargeDeclinedInsufficientFunds", "has too little money"],
  ["pm_card_authenticationRequired", "asks for 3-D Secure"],
];

/** @type {Record<string, string>} */
let states = {};
/** @type {Record<string, Figures>} */
let rows = {};

/** @param {Plan} plan */
function setUpChoices(plan) {
  const services = plan.services.map((service) => service.id);
  const stores = [...new Set(plan.services.flatMap((service) => (service.store ? [service.store.part] : [])))];
  const parties = [...new Set(plan.services.flatMap((service) => service.parties))];
  fill("card", CARDS);
  fill("part", ["kafka", ...stores, ...services, ...parties].map((name) => [name, name]));
  fill("topic", plan.topics.map((name) => [name, name]));
  /** @type {HTMLSelectElement} */ (byId("topic")).value = "order-events";
  byId("to-edge").setAttribute("href", plan.addresses.edge);
  byId("to-mail").setAttribute("href", plan.addresses.mail);
}

function setUpButtons() {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("button[data-act]"))) {
    const act = button.dataset.act ?? "";
    const field = button.dataset.of;
    onClick(button, async () => {
      const asked = field ? { [field]: chosen(field) } : {};
      const outcome = await ask(act, /** @type {Record<string, string>} */ (asked));
      if (outcome.facts.lines) showCounts(outcome.facts.lines);
    });
  }
  onClick(byId("buy"), () => ask("buy", { card: chosen("card") }));
  byId("orders").addEventListener("click", (event) => {
    const order = /** @type {Element} */ (event.target).closest("button")?.dataset.order;
    if (order) fetch(`/orders/${order}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
  });
}

/** @param {string} id */
function chosen(id) {
  return /** @type {HTMLSelectElement} */ (byId(id)).value;
}

function showTable() {
  byId("figures").replaceChildren(
    ...Object.entries(states).map(([part, state]) => {
      const row = rows[part];
      const figures = row ? [rate(row.calls_per_second), row.unpublished, row.lag, row.breaker] : ["", "", "", ""];
      return make("tr", {}, make("th", { scope: "row" }, part), make("td", {}, state), ...figures.map((figure) => make("td", {}, String(figure ?? ""))));
    }),
  );
}

async function start() {
  setUpTour();
  setUpButtons();
  /** @type {Plan} */
  const plan = await (await fetch("/plan")).json();
  setUpChoices(plan);
  const map = new SystemMap(plan);
  follow(
    {
      parts: (data) => {
        states = data;
        map.parts(data);
        showTable();
      },
      figures: (data) => {
        rows = data;
        map.figures(data);
        showTable();
      },
      orders: showOrders,
      story: showStory,
      event: showEvent,
      spark: (data) => map.spark(data),
      note: ({ act, text }) => say(act, text, "note"),
      outcome: ({ act, ok, text }) => say(act, text, ok ? "good" : "bad"),
    },
    (there) => {
      const live = byId("live");
      const text = there ? "live" : "connection lost, trying again";
      if (live.textContent !== text) live.textContent = text;
      live.classList.toggle("lost", !there);
      document.body.classList.toggle("ready", there);
    },
  );
}

start();
