/** The basket: kept on the device, shared by all tabs. */

import { computed, signal } from "@preact/signals";
import { isRecord, onChangeElsewhere, stored } from "./storage";
import { sum, times } from "./money";

export interface Line {
  productId: string;
  name: string;
  /** The unit price that the customer has seen. */
  price: string;
  currency: string;
  quantity: number;
}

export const MOST_PIECES = 1000;
const MOST_LINES = 100;
const NAME = "basket";

const shelf = stored(NAME, (value): value is Line[] => Array.isArray(value) && value.every(isLine));

export const lines = signal<readonly Line[]>(shelf.read() ?? []);
export const pieces = computed(() => lines.value.reduce((total, line) => total + line.quantity, 0));
/** An order has one currency: the lines of each are ordered apart. */
export const groups = computed(() => {
  const currencies = [...new Set(lines.value.map((line) => line.currency))].sort();
  return currencies.map((currency) => groupOf(currency, lines.value));
});

export interface Group {
  currency: string;
  lines: readonly Line[];
  total: string;
}

function groupOf(currency: string, all: readonly Line[]): Group {
  const own = all.filter((line) => line.currency === currency);
  return { currency, lines: own, total: sum(own.map((line) => times(line.price, line.quantity))) };
}

onChangeElsewhere(NAME, reload);

/** Take over what other tabs wrote. */
export function reload(): void {
  lines.value = shelf.read() ?? [];
}

/** Add pieces of a product. False: the basket has too many products. */
export function add(line: Line): boolean {
  reload();
  const present = lines.value.find((one) => one.productId === line.productId);
  if (!present && lines.value.length >= MOST_LINES) return false;
  const quantity = Math.min(MOST_PIECES, (present?.quantity ?? 0) + line.quantity);
  const rest = lines.value.filter((one) => one.productId !== line.productId);
  keep([...rest, { ...line, quantity }]);
  return true;
}

export function change(productId: string, changes: Partial<Omit<Line, "productId">>): void {
  reload();
  keep(lines.value.map((line) => (line.productId === productId ? { ...line, ...changes } : line)));
}

export function remove(...productIds: string[]): void {
  reload();
  keep(lines.value.filter((line) => !productIds.includes(line.productId)));
}

function keep(changed: readonly Line[]): void {
  lines.value = changed;
  shelf.write([...changed]);
}

function isLine(value: unknown): value is Line {
  return (
    isRecord(value) &&
    [value.productId, value.name, value.price, value.currency].every((text) => typeof text === "string") &&
    typeof value.quantity === "number"
  );
}
