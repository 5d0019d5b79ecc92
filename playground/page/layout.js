// @ts-check
// Where everything stands on the map, and along which paths things pass. Pure: plan in, coordinates out.

/** @typedef {{id: string, part: string, name: string}} Store */
/** @typedef {{id: string, owns: string, calls: string[], parties: string[], publishes: boolean, consumes: string[], store: Store | null}} Service */
/** @typedef {{services: Service[], public: string[], topics: string[], addresses: Record<string, string>}} Plan */
/** @typedef {{id: string, part: string, label: string, shape: "box" | "store" | "bar" | "party", x: number, y: number, w: number, h: number}} Place */
/** @typedef {{from: string, to: string, d: string}} Path */

const LEFT = 20;
const WIDTH = 176;
const GAP = 24;
const TOP = { edge: 30, service: 190, store: 372, bus: 520 };
const HEIGHT = { edge: 62, service: 112, store: 64, bus: 56 };
const NAMES = /** @type {Record<string, string>} */ ({ stripe: "Stripe", mail: "Mail" });

/**
 * Everything that stands on the map.
 * @param {Plan} plan
 * @returns {Place[]}
 */
export function places(plan) {
  const span = plan.services.length * (WIDTH + GAP) - GAP;
  const right = LEFT + span + GAP;
  const left = LEFT + WIDTH + GAP;
  /** @type {Place[]} */
  const found = [
    { id: "customers", part: "", label: "Customers", shape: "party", x: LEFT, y: TOP.edge, w: WIDTH - 40, h: HEIGHT.edge },
    { id: "edge", part: "edge", label: "Edge", shape: "bar", x: left - 40, y: TOP.edge, w: LEFT + span - left + 40, h: HEIGHT.edge },
    { id: "kafka", part: "kafka", label: "Kafka", shape: "bar", x: LEFT, y: TOP.bus, w: span, h: HEIGHT.bus },
  ];
  plan.services.forEach((service, index) => {
    const x = LEFT + index * (WIDTH + GAP);
    found.push({ id: service.id, part: service.id, label: service.id, shape: "box", x, y: TOP.service, w: WIDTH, h: HEIGHT.service });
    if (service.store) {
      const { id, part, name } = service.store;
      found.push({ id, part, label: name, shape: "store", x, y: TOP.store, w: WIDTH - 64, h: HEIGHT.store });
    }
  });
  const parties = [...new Set(plan.services.flatMap((service) => service.parties))].sort().reverse();
  parties.forEach((id, index) => {
    const y = index === 0 ? TOP.edge : TOP.service + (index - 1) * (HEIGHT.service + GAP) + 22;
    found.push({ id, part: id, label: NAMES[id] ?? id, shape: "party", x: right, y, w: 1180 - right, h: 66 });
  });
  return found;
}

/**
 * The paths between them. A path may be passed in both directions.
 * @param {Plan} plan
 * @returns {Path[]}
 */
export function paths(plan) {
  const at = Object.fromEntries(places(plan).map((place) => [place.id, place]));
  /** @type {Path[]} */
  const found = [{ from: "customers", to: "edge", d: line(at.customers.x + at.customers.w, middle(at.customers), at.edge.x, middle(at.edge)) }];
  const pairs = new Set();
  for (const service of plan.services) {
    const here = at[service.id];
    const x = here.x + here.w / 2;
    if (plan.public.includes(service.id)) {
      const begin = Math.min(Math.max(x, at.edge.x + 30), at.edge.x + at.edge.w - 30);
      found.push({ from: "edge", to: service.id, d: line(begin, at.edge.y + at.edge.h, x, here.y) });
    }
    if (service.store) {
      const store = at[service.store.id];
      const down = store.x + store.w / 2;
      found.push({ from: service.id, to: store.id, d: line(down, here.y + here.h, down, store.y) });
    }
    if (service.publishes) found.push({ from: service.id, to: "kafka", d: line(here.x + 126, here.y + here.h, here.x + 126, at.kafka.y) });
    if (service.consumes.length) found.push({ from: "kafka", to: service.id, d: line(here.x + 154, at.kafka.y, here.x + 154, here.y + here.h) });
    for (const called of service.calls) {
      const pair = [service.id, called].sort().join();
      if (pairs.has(pair)) continue;
      pairs.add(pair);
      found.push({ from: service.id, to: called, d: between(here, at[called]) });
    }
    for (const party of service.parties) found.push({ from: service.id, to: party, d: outwards(here, at[party]) });
  }
  if (at.stripe) found.push({ from: "stripe", to: "edge", d: line(at.stripe.x, middle(at.stripe), at.edge.x + at.edge.w, middle(at.edge)) });
  return found;
}

/** @param {Place} place */
function middle(place) {
  return place.y + Math.min(place.h, HEIGHT.edge) / 2;
}

/** @param {number} x1 @param {number} y1 @param {number} x2 @param {number} y2 */
function line(x1, y1, x2, y2) {
  return `M${x1} ${y1}L${x2} ${y2}`;
}

/**
 * Neighbours are joined by a straight line; others by an arc above those between them.
 * @param {Place} one
 * @param {Place} other
 */
function between(one, other) {
  const sign = Math.sign(other.x - one.x);
  const from = sign > 0 ? one.x + one.w : one.x;
  const to = sign > 0 ? other.x : other.x + other.w;
  const y = one.y + 76;
  if (Math.abs(to - from) <= GAP) return line(from, y, to, y);
  const begin = one.x + one.w / 2 + sign * 40;
  const end = other.x + other.w / 2 - sign * 40;
  const high = one.y - 34 - (16 * Math.abs(other.x - one.x)) / (WIDTH + GAP); // the further, the higher: arcs stay apart
  return `M${begin} ${one.y}C${begin + sign * 40} ${high} ${end - sign * 40} ${high} ${end} ${other.y}`;
}

/**
 * From a service to a party at the right edge.
 * @param {Place} here
 * @param {Place} party
 */
function outwards(here, party) {
  const x = here.x + here.w;
  if (party.y >= here.y && party.x - x < 2 * GAP) return line(x, party.y + party.h / 2, party.x, party.y + party.h / 2);
  const begin = x - 34;
  const end = party.x + 44;
  const low = party.y + party.h;
  return `M${begin} ${here.y}C${begin + 30} ${here.y - 56} ${end} ${low + 60} ${end} ${low}`;
}
