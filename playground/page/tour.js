// @ts-check
// The guided tour: five steps, each done by one click.

import { ask, onClick, showCounts } from "./acts.js";
import { byId, make } from "./dom.js";

/** @type {{act: string, name: string, about: string}[]} */
const STEPS = [
  {
    act: "decline",
    name: "A decline",
    about: "A customer pays with a card that has too little money on it. Stripe refuses, payment publishes PAYMENT_FAILED, the order is cancelled and inventory releases the stock.",
  },
  {
    act: "three-d-secure",
    name: "3-D Secure",
    about: "The bank wants to ask the customer first, so the payment waits and the order stays pending. The bank's page is approved for you; then the order is confirmed.",
  },
  {
    act: "payment-dies",
    name: "Payment dies",
    about: "Payment is killed after Stripe has charged the card and before it could write that down. The new process repeats the request under the same key, so the customer is charged once.",
  },
  {
    act: "bus-away",
    name: "The bus is away",
    about: "Kafka is stopped, and a customer still orders and pays; the order stays pending because the event waits in payment's outbox. Kafka starts again, and everything catches up.",
  },
  {
    act: "crowd",
    name: "Ten pieces, a hundred buyers",
    about: "A hundred attempts from twenty accounts want the last ten lanterns at the same time. Ten are sold, ninety are refused, and nobody pays for a piece that is not there.",
  },
];

export function setUpTour() {
  byId("tour").replaceChildren(...STEPS.map(step));
}

/** @param {{act: string, name: string, about: string}} step */
function step({ act, name, about }) {
  const outcome = make("p", { class: "outcome", role: "status" });
  const button = make("button", { type: "button", class: "main", id: `step-${act}`, "aria-describedby": `about-${act}` }, name);
  const item = make("li", { "data-step": act }, button, make("p", { id: `about-${act}` }, about), outcome);
  onClick(button, async () => {
    item.className = "running";
    outcome.textContent = "Under way …";
    const found = await ask(act);
    item.className = found.ok ? "good" : "bad";
    outcome.textContent = found.text;
    const counted = await ask("count");
    if (counted.facts.lines) showCounts(counted.facts.lines);
  });
  return item;
}
