/** The API's clients: gRPC-Web at the page's own origin. The browser sends the session's cookie; scripts never see it. */

import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { ProductService } from "./gen/argosy/inventory/v1/product_pb";
import { NotificationService } from "./gen/argosy/notification/v1/notification_pb";
import { OrderService } from "./gen/argosy/order/v1/order_pb";
import { PaymentService } from "./gen/argosy/payment/v1/payment_pb";
import { UserService } from "./gen/argosy/user/v1/user_pb";

const TIMEOUT = 60_000;

/** Called when a call is UNAUTHENTICATED; returns whether it may be tried once more. Set by session.ts. */
export const renewal: { renew: () => Promise<boolean> } = { renew: () => Promise.resolve(false) };

const clientApp: Interceptor = (next) => (request) => {
  request.header.set("x-client-app", "web-app");
  // The session is the browser's cookie, and counts for requests with this header only (ADR 19).
  request.header.set("x-session", "cookie");
  return next(request);
};

const renewing: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    const again = isUnauthenticated(error) && !request.stream && (await renewal.renew());
    if (!again) throw error;
    return next(request);
  }
};

function isUnauthenticated(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Unauthenticated;
}

const transport = createGrpcWebTransport({
  baseUrl: location.origin,
  defaultTimeoutMs: TIMEOUT,
  interceptors: [renewing, clientApp],
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
