import assert from "node:assert/strict";
import { test } from "node:test";
import { covers, format, minus, sum, times, typed, TYPED } from "../src/money";

test("a price times a quantity is exact", () => {
  assert.equal(times("29.99", 3), "89.97");
  assert.equal(times("0.01", 1), "0.01");
  assert.equal(times("1000", 2), "2000");
  assert.equal(times("1.250", 3), "3.750");
});

test("sums are exact where floats are not", () => {
  assert.equal(sum(["0.10", "0.20"]), "0.30");
  assert.equal(sum([]), "0");
});

test("a difference is exact where floats are not", () => {
  assert.equal(minus("0.3", "0.1"), "0.2");
  assert.equal(minus("59.98", "0"), "59.98");
  assert.equal(minus("59.98", "59.98"), "0.00");
  assert.equal(minus("1000", "1"), "999");
});

test("what a person types is an amount, with a point or a comma", () => {
  for (const text of ["12", "12.5", "12,5"]) assert.match(text, new RegExp(`^(?:${TYPED})$`));
  assert.deepEqual(["12", "12.50", "12,5"].map(typed), [12, 12.5, 12.5]);
  for (const text of ["", "-1", "1.", "1.2.3", "1e3"]) assert.doesNotMatch(text, new RegExp(`^(?:${TYPED})$`));
});

test("an amount covers another", () => {
  assert.ok(covers("10.00", "10"));
  assert.ok(!covers("9.99", "10.00"));
});

test("amounts have the places of their currency", () => {
  assert.equal(format({ amount: "59.98", currency: "USD" }, "en-US"), "$59.98");
  assert.equal(format({ amount: "1000", currency: "JPY" }, "en-US"), "¥1,000");
  assert.equal(format({ amount: "59.98", currency: "EUR" }, "de-DE").replace(/\s/, " "), "59,98 €");
});
