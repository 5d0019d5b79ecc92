/** What went wrong with a call, and what may be done about it. */

import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "./gen/google/rpc/error_details_pb";
import { isReason, type Reason } from "./reasons";

export interface Failure {
  reason: Reason | "OFFLINE";
  /** Whether the same request, with the same key, may succeed later. The outcome is not known. */
  transient: boolean;
  /** The invalid fields, by their paths in the request ("shippingAddress.zipCode"). */
  fields: ReadonlyMap<string, string>;
  /** The least delay before a retry, in milliseconds. */
  retryAfter: number;
}

const REASON_OF_CODE: Readonly<Partial<Record<Code, Reason>>> = {
  [Code.InvalidArgument]: "INVALID_ARGUMENT",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.NotFound]: "NOT_FOUND",
  [Code.AlreadyExists]: "ALREADY_EXISTS",
  [Code.FailedPrecondition]: "FAILED_PRECONDITION",
  [Code.ResourceExhausted]: "RATE_LIMITED",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  [Code.Aborted]: "CONTENDED",
  [Code.Unavailable]: "UNAVAILABLE",
};

const TRANSIENT: ReadonlySet<Code> = new Set([
  Code.Aborted,
  Code.Canceled,
  Code.DeadlineExceeded,
  Code.Internal,
  Code.ResourceExhausted,
  Code.Unavailable,
  Code.Unknown,
]);

/** Limits that a person must wait out: repeats by a program do not help. */
const FOR_PEOPLE: ReadonlySet<string> = new Set(["TOO_MANY_FAILURES", "TOO_MANY_MAILS", "TOO_MANY_SIGN_INS"]);

export function failureOf(error: unknown): Failure {
  const found = ConnectError.from(error);
  const [info] = found.findDetails(ErrorInfoSchema);
  const reason = reasonOf(found, info?.reason ?? "");
  const violations = found.findDetails(BadRequestSchema).flatMap((detail) => detail.fieldViolations);
  const delay = found.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return {
    reason,
    transient: TRANSIENT.has(found.code) && !FOR_PEOPLE.has(reason),
    fields: new Map(violations.map((violation) => [violation.field, violation.description])),
    retryAfter: delay ? Number(delay.seconds) * 1000 + delay.nanos / 1e6 : 0,
  };
}

function reasonOf(error: ConnectError, reason: string): Failure["reason"] {
  if (isReason(reason)) return reason;
  if (error.cause instanceof TypeError) return "OFFLINE"; // fetch got no answer
  return REASON_OF_CODE[error.code] ?? "INTERNAL";
}
