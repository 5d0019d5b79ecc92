/**
 * The API's clients: gRPC-Web at the page's own origin. With the header `x-session: cookie` the edge keeps the token of a
 * sign-in in a cookie that no script can read, and adds it to each call.
 */

import { signal } from "@preact/signals";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { failureOf } from "./failures";
import { ProductService } from "./gen/argosy/inventory/v1/product_pb";
import { NotificationService } from "./gen/argosy/notification/v1/notification_pb";
import { OrderService } from "./gen/argosy/order/v1/order_pb";
import { PaymentService } from "./gen/argosy/payment/v1/payment_pb";
import { UserService } from "./gen/argosy/user/v1/user_pb";

const TIMEOUT = 60_000;

/** Whether the last call got no answer at all. */
export const unreachable = signal(false);

/** Hears that a call was refused because its session has ended. Set by session.ts. */
export const sessions: { ended: () => void } = { ended: () => undefined };

const headers: Interceptor = (next) => (request) => {
  request.header.set("x-client-app", "web-app");
  request.header.set("x-session", "cookie");
  return next(request);
};

const watching: Interceptor = (next) => async (request) => {
  try {
    const answer = await next(request);
    unreachable.value = false;
    return answer;
  } catch (error) {
    const { reason } = failureOf(error);
    if (!request.signal.aborted) unreachable.value = reason === "OFFLINE";
    if (reason === "UNAUTHENTICATED") sessions.ended();
    throw error;
  }
};

const transport = createGrpcWebTransport({
  baseUrl: location.origin,
  defaultTimeoutMs: TIMEOUT,
  interceptors: [watching, headers],
});

export const products = createClient(ProductService, transport);
export const orders = createClient(OrderService, transport);
export const payments = createClient(PaymentService, transport);
export const users = createClient(UserService, transport);
export const notifications = createClient(NotificationService, transport);

/** Call options that make a request safe to repeat. */
export function withKey(key: string): { headers: Record<string, string> } {
  return { headers: { "idempotency-key": key } };
}
