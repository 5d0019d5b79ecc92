import "./browser";
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { add, change, groups, lines, pieces, reload, remove } from "../src/basket";

const sextant = { productId: "prod-1", name: "Sextant", price: "29.99", currency: "USD", quantity: 2 };
const amphora = { productId: "amphora", name: "Amphora", price: "64.20", currency: "EUR", quantity: 1 };

beforeEach(() => {
  localStorage.clear();
  reload();
});

test("the same product is one line", () => {
  add(sextant);
  add({ ...sextant, quantity: 3 });
  assert.deepEqual(lines.value.map((line) => line.quantity), [5]);
  assert.equal(pieces.value, 5);
});

test("a line has at most 1,000 pieces", () => {
  add({ ...sextant, quantity: 999 });
  add(sextant);
  assert.equal(pieces.value, 1000);
});

test("each currency is ordered apart", () => {
  add(sextant);
  add(amphora);
  assert.deepEqual(groups.value.map(({ currency, total }) => [currency, total]), [["EUR", "64.20"], ["USD", "59.98"]]);
});

test("what another tab has put in is not lost", () => {
  add(sextant);
  localStorage.setItem("argosy.basket", JSON.stringify([{ ...sextant, quantity: 7 }, amphora]));
  change(amphora.productId, { quantity: 2 });
  assert.deepEqual(lines.value.map((line) => line.quantity), [7, 2]);
  remove(sextant.productId);
  assert.equal(pieces.value, 2);
});

test("a hundred products fit", () => {
  for (let number = 0; number < 100; number++) assert.ok(add({ ...sextant, productId: `prod-${number}` }));
  assert.ok(!add(amphora));
});
