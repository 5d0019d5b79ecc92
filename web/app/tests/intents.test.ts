import "./browser";
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { close, forgetAll, once, open, openOrBegin } from "../src/intents";

beforeEach(() => localStorage.clear());

test("a repeat has the key and the request of the first time", () => {
  const first = openOrBegin("order", "ada", { quantity: 1 });
  assert.deepEqual(openOrBegin("order", "ada", { quantity: 2 }), first);
  assert.deepEqual(open("order", "ada"), first);
});

test("another intention has another key", () => {
  const first = openOrBegin("order", "ada", { quantity: 1 });
  assert.notEqual(openOrBegin("payment", "ada", { quantity: 1 }).key, first.key);
  close("order");
  assert.equal(open("order", "ada"), undefined);
  assert.notEqual(openOrBegin("order", "ada", { quantity: 1 }).key, first.key);
});

test("an intention of another account is not taken over", () => {
  openOrBegin("order", "ada", { street: "her address" });
  assert.equal(open("order", "bob"), undefined);
  assert.deepEqual(openOrBegin("order", "bob", { street: "his" }).request, { street: "his" });
});

test("nothing is left after the sign-out", () => {
  openOrBegin("order", "ada", { street: "her address" });
  forgetAll();
  assert.equal(open("order", "ada"), undefined);
});

test("what an older version kept in another shape is no intention", () => {
  localStorage.setItem("argosy.intent.order", JSON.stringify({ key: 7 }));
  assert.equal(open("order", "ada"), undefined);
});

test("an intention is open until its answer is final", async () => {
  const fail = (code: Code) => () => Promise.reject(new ConnectError("", code));
  openOrBegin("order", "ada", { quantity: 1 });
  await assert.rejects(once("order", fail(Code.Unavailable)));
  await assert.rejects(once("order", fail(Code.Unauthenticated)));
  assert.notEqual(open("order", "ada"), undefined);
  await assert.rejects(once("order", fail(Code.FailedPrecondition)));
  assert.equal(open("order", "ada"), undefined);
  openOrBegin("order", "ada", { quantity: 1 });
  assert.equal(await once("order", () => Promise.resolve("placed")), "placed");
  assert.equal(open("order", "ada"), undefined);
});
