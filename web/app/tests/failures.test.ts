import "./browser";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import assert from "node:assert/strict";
import { test } from "node:test";
import { failureOf } from "../src/failures";
import { BadRequestSchema, ErrorInfoSchema } from "../src/gen/google/rpc/error_details_pb";

function refused(code: Code, reason: string): ConnectError {
  const info = { desc: ErrorInfoSchema, value: { reason, domain: "argosy" } };
  return new ConnectError("no", code, undefined, [info]);
}

test("the reason of the service is the failure's", () => {
  const { reason, transient } = failureOf(refused(Code.FailedPrecondition, "OUT_OF_STOCK"));
  assert.deepEqual([reason, transient], ["OUT_OF_STOCK", false]);
});

test("an unknown reason reads like its code", () => {
  assert.equal(failureOf(refused(Code.NotFound, "OF_TOMORROW")).reason, "NOT_FOUND");
  assert.equal(failureOf(new ConnectError("no", Code.DataLoss)).reason, "INTERNAL");
});

test("an outcome that is not known may be asked for again", () => {
  for (const code of [Code.Unavailable, Code.DeadlineExceeded, Code.Aborted, Code.Internal]) {
    assert.ok(failureOf(new ConnectError("no", code)).transient);
  }
  assert.ok(!failureOf(refused(Code.ResourceExhausted, "TOO_MANY_FAILURES")).transient);
});

test("a lost connection is told from an error of the shop", () => {
  const lost = ConnectError.from(new TypeError("Failed to fetch"));
  assert.deepEqual([failureOf(lost).reason, failureOf(lost).transient], ["OFFLINE", true]);
});

test("fields have their paths", () => {
  const value = create(BadRequestSchema, { fieldViolations: [{ field: "shippingAddress.city", description: "empty" }] });
  const error = new ConnectError("no", Code.InvalidArgument, undefined, [{ desc: BadRequestSchema, value }]);
  assert.deepEqual([...failureOf(error).fields], [["shippingAddress.city", "empty"]]);
});
