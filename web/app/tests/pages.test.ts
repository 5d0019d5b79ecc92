import "./browser";
import assert from "node:assert/strict";
import { test } from "node:test";
import { matches } from "../src/catalog";
import { match } from "../src/router";

test("a pattern takes one part of a path", () => {
  assert.deepEqual(match("/orders/:id", "/orders/7"), { id: "7" });
  assert.deepEqual(match("/", "/"), {});
  assert.equal(match("/orders/:id", "/orders/"), undefined);
  assert.equal(match("/orders/:id", "/orders/7/x"), undefined);
  assert.equal(match("/orders", "/orders/7"), undefined);
});

test("a star takes the rest of a path", () => {
  assert.deepEqual(match("/desk/*", "/desk"), {});
  assert.deepEqual(match("/desk/*", "/desk/orders/7"), {});
  assert.equal(match("/desk/*", "/desks"), undefined);
  assert.equal(match("/desk/*", "/"), undefined);
});

test("a broken escape in a path is no crash", () => {
  assert.deepEqual(match("/products/:id", "/products/%E0%A4%A"), { id: "%E0%A4%A" });
});

test("a search finds all its words, without case and accents", () => {
  const product = { id: "prod-1", name: "Café lantern", description: "Burns oil" };
  assert.ok(matches(product, "cafe OIL"));
  assert.ok(matches(product, "prod-1"));
  assert.ok(!matches(product, "lantern gas"));
});
