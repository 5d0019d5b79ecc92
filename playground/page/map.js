// @ts-check
// The map: draws the plan, shows states and figures, and lets things pass along its paths.

import { byId, draw } from "./dom.js";
import { paths, places } from "./layout.js";

/** @typedef {import("./layout.js").Plan} Plan */
/** @typedef {import("./layout.js").Place} Place */
/** @typedef {{source: string, target: string, look: string, text: string}} Spark */
/** @typedef {{state: string, calls_per_second?: number, unpublished?: number, lag?: number, breaker?: string, dead_letters?: number}} Figures */

const TRAVEL_MS = 900;
const MOST_AT_ONCE = 80;
/** A path shorter than this has no room for a text. */
const SHORT = 60;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class SystemMap {
  /** @param {Plan} plan */
  constructor(plan) {
    /** @type {Map<string, {path: SVGPathElement, backwards: boolean}>} */
    this.routes = new Map();
    /** @type {Map<string, {group: SVGElement, state: SVGElement, figures: SVGElement, part: string}>} */
    this.nodes = new Map();
    this.moving = 0;
    this.layer = draw("g", { class: "sparks" });
    const svg = byId("map");
    const lines = draw("g", { class: "paths" });
    for (const { from, to, d } of paths(plan)) {
      const path = /** @type {SVGPathElement} */ (draw("path", { d }));
      lines.append(path);
      this.routes.set(`${from} ${to}`, { path, backwards: false });
      if (!this.routes.has(`${to} ${from}`)) this.routes.set(`${to} ${from}`, { path, backwards: true });
    }
    svg.append(lines, ...places(plan).map((place) => this.node(place)), this.layer);
  }

  /** @param {Place} place */
  node({ id, part, label, shape, x, y, w, h }) {
    const state = draw("text", { class: "state", x: x + 14, y: y + (shape === "store" || shape === "party" ? 50 : 48) });
    const figures = draw("text", { class: "numbers", x: x + 14, y: y + 70 });
    const outline =
      shape === "store"
        ? draw("path", { class: "outline", d: `M${x} ${y + 9}a${w / 2} 9 0 0 1 ${w} 0v${h - 18}a${w / 2} 9 0 0 1 ${-w} 0z` })
        : draw("rect", { class: "outline", x, y, width: w, height: h, rx: shape === "party" ? 33 : 10 });
    const name = draw("text", { class: "label", x: x + (shape === "party" ? 24 : 14), y: y + (shape === "store" ? 31 : 27) }, label);
    if (shape === "party") state.setAttribute("x", String(x + 24));
    const group = draw("g", { class: `node ${shape}`, "data-node": id }, outline, name, state, figures);
    this.nodes.set(id, { group, state, figures, part });
    return group;
  }

  /** @param {Record<string, string>} words the state of each part */
  parts(words) {
    for (const { group, state, part } of this.nodes.values()) {
      const word = part ? words[part] ?? "unknown" : "";
      group.setAttribute("data-state", word === "" || word === "ready" ? "ready" : word === "paused" || word === "stopped" ? word : "waiting");
      if (!group.classList.contains("box")) state.textContent = word === "ready" ? "" : word;
      else if (word !== "ready") state.textContent = word;
    }
  }

  /** @param {Record<string, Figures>} rows by service */
  figures(rows) {
    for (const [service, row] of Object.entries(rows)) {
      const node = this.nodes.get(service);
      if (!node) continue;
      const ready = node.group.getAttribute("data-state") === "ready";
      if (ready) node.state.textContent = row.state === "serving" ? `${rate(row.calls_per_second)} calls/s` : row.state;
      const x = node.figures.getAttribute("x") ?? "0";
      const lines = ready ? notes(row) : [];
      node.figures.replaceChildren(...lines.map((text, index) => draw("tspan", { x, dy: index ? 17 : 0 }, text)));
      node.group.classList.toggle("tense", lines.length > 0);
    }
  }

  /** @param {Spark} spark */
  spark({ source, target, look, text }) {
    const node = this.nodes.get(target);
    if (node) flash(node.group, look);
    const route = this.routes.get(`${source} ${target}`);
    if (!route || document.hidden || this.moving >= MOST_AT_ONCE) return;
    flash(route.path, look);
    if (!calm.matches) this.travel(route, look, text);
  }

  /** @param {{path: SVGPathElement, backwards: boolean}} route @param {string} look @param {string} text */
  travel({ path, backwards }, look, text) {
    const length = path.getTotalLength();
    const dot = draw("circle", { class: look, r: 6 });
    const label = draw("text", { class: `passing ${look}` }, length < SHORT ? "" : text);
    const group = draw("g", {}, dot, label);
    this.layer.append(group);
    this.moving += 1;
    const duration = TRAVEL_MS + length;
    const begun = performance.now();
    const step = (/** @type {number} */ now) => {
      const share = Math.min(1, (now - begun) / duration);
      const eased = share * share * (3 - 2 * share);
      const { x, y } = path.getPointAtLength(length * (backwards ? 1 - eased : eased));
      group.setAttribute("transform", `translate(${x} ${y})`);
      if (share < 1) return requestAnimationFrame(step);
      this.moving -= 1;
      group.remove();
    };
    label.setAttribute("x", "11");
    label.setAttribute("y", "4");
    requestAnimationFrame(step);
  }
}

/** @param {Figures} row */
function notes(row) {
  const found = [];
  if (row.unpublished) found.push(`${row.unpublished} unpublished`);
  if (row.lag) found.push(`lag ${row.lag}`);
  if (row.breaker && row.breaker !== "closed") found.push(`breaker ${row.breaker}`);
  return found.slice(0, 2);
}

/** @param {number | undefined} value */
export function rate(value) {
  return value === undefined ? "–" : value >= 10 ? value.toFixed(0) : value.toFixed(1);
}

/** @type {WeakMap<Element, number>} */
const ends = new WeakMap();

/**
 * Marks an element for a moment.
 * @param {Element} element
 * @param {string} look
 */
function flash(element, look) {
  clearTimeout(ends.get(element));
  element.setAttribute("data-lit", look);
  ends.set(element, window.setTimeout(() => element.removeAttribute("data-lit"), 1200));
}
