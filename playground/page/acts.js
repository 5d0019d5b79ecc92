// @ts-check
// The buttons: each asks the server for an act, and shows what came of it.

import { byId, make } from "./dom.js";

/** @typedef {{ok: boolean, text: string, facts: Record<string, any>}} Outcome */

const MOST_OUTCOMES = 40;

/**
 * Asks for an act and returns what came of it; it never throws.
 * @param {string} act
 * @param {Record<string, string>} asked
 * @returns {Promise<Outcome>}
 */
export async function ask(act, asked = {}) {
  try {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(`/acts/${act}`, { method: "POST", headers, body: JSON.stringify(asked) });
    const body = await answer.json();
    if (answer.ok) return body;
    say(act, body.error, "bad");
    return { ok: false, text: body.error, facts: {} };
  } catch {
    const text = "the page's server does not answer";
    say(act, text, "bad");
    return { ok: false, text, facts: {} };
  }
}

/**
 * A line about an act, newest first.
 * @param {string} act
 * @param {string} text
 * @param {"note" | "good" | "bad"} look
 */
export function say(act, text, look) {
  const list = byId("outcomes");
  const time = new Date().toTimeString().slice(0, 8);
  list.prepend(make("li", { class: look }, make("time", {}, time), make("span", { class: "act" }, act), make("span", { class: "text" }, text)));
  while (list.children.length > MOST_OUTCOMES) list.lastElementChild?.remove();
}

/**
 * Lets a button do something, once at a time.
 * @param {HTMLElement} button
 * @param {() => Promise<unknown>} work
 */
export function onClick(button, work) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    try {
      await work();
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

/** @param {{what: string, good: number, of: number, ok: boolean, hint: string}[]} lines */
export function showCounts(lines) {
  byId("counted").hidden = false;
  byId("counts").replaceChildren(
    ...lines.map(({ what, good, of, ok, hint }) =>
      make(
        "tr",
        { class: ok ? "good" : "bad" },
        make("td", {}, what, ...(hint ? [make("small", {}, hint)] : [])),
        make("td", {}, make("span", { class: "mark", "aria-hidden": "true" }, ok ? "✓" : "✗"), ` ${good} of ${of}`),
      ),
    ),
  );
}
