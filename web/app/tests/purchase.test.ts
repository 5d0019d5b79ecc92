import { storage } from "./browser";
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import * as basket from "../src/basket";
import { orderBasket } from "../src/purchase";
import { orders } from "../src/rpc";

const ADDRESS = { street: "1 Main St", city: "Springfield", state: "IL", zipCode: "62701", country: "US" };
const LINE = { productId: "prod-1", name: "Sextant", price: "29.99", currency: "USD", quantity: 1 };

let keys: string[] = [];
let answered: () => void;

beforeEach(() => {
  localStorage.clear();
  keys = [];
  answered = () => undefined;
  orders.createOrder = ((_: unknown, options: { headers: Record<string, string> }) => {
    keys.push(options.headers["idempotency-key"]!);
    answered();
    return Promise.resolve({ id: "order-1" });
  }) as unknown as typeof orders.createOrder;
  basket.reload();
  basket.add(LINE);
});

const order = () => orderBasket("USD", "ada", ADDRESS, () => undefined);

test("an order empties the basket, and its key is used no more", async () => {
  assert.equal((await order())?.id, "order-1");
  assert.deepEqual(basket.lines.value, []);
  assert.equal(await order(), undefined);
  basket.add(LINE);
  await order();
  assert.equal(new Set(keys).size, 2);
});

test("a tab that sees late what another has stored orders nothing twice", async () => {
  const seen = await storedAfterTheAnswer();
  assert.ok(seen.length > 2);
  for (const stored of seen) {
    localStorage.clear();
    for (const [key, value] of stored) localStorage.setItem(key, value);
    await order();
  }
  assert.equal(new Set(keys).size, 1);
});

/** What is stored when the answer to an order has come, and after each change from then on. */
async function storedAfterTheAnswer(): Promise<[string, string][][]> {
  const seen: [string, string][][] = [];
  const { setItem, removeItem } = storage;
  const look = (): void => void seen.push(Object.keys(localStorage).map((key) => [key, storage.getItem(key)!]));
  answered = () => {
    answered = () => undefined;
    look();
    storage.setItem = (key, value) => (setItem(key, value), look());
    storage.removeItem = (key) => (removeItem(key), look());
  };
  try {
    await order();
  } finally {
    Object.assign(storage, { setItem, removeItem });
  }
  return seen;
}
