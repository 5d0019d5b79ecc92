/** Placing and paying orders: each once, however often it is asked for. */

import * as basket from "./basket";
import type { Order } from "./gen/argosy/order/v1/order_pb";
import type { Payment } from "./gen/argosy/payment/v1/payment_pb";
import * as intents from "./intents";
import { insist, pause } from "./patience";
import { orders, payments, withKey } from "./rpc";
import { isRecord, stored } from "./storage";
import type { AddressValues } from "./ui/fields";

/** Of a message, what is kept as JSON. */
export interface OrderRequest {
  items: { productId: string; quantity: number; price: number }[];
  shippingAddress: AddressValues;
}

interface PaymentRequest {
  orderId: string;
  amount: number;
  currency: string;
  paymentMethodId: string;
}

const orderName = (currency: string): string => `order.${currency}`;
const paymentName = (orderId: string): string => `payment.${orderId}`;

/** The order that was sent and whose answer is missing. */
export function openOrder(currency: string, userId: string): OrderRequest | undefined {
  return intents.open<OrderRequest>(orderName(currency), userId)?.request;
}

/** The payment that was sent and whose answer is missing: its method. */
export function openPayment(orderId: string, userId: string): string | undefined {
  return intents.open<PaymentRequest>(paymentName(orderId), userId)?.request.paymentMethodId;
}

/**
 * Order the basket's goods of one currency. If an earlier request has no final answer, that one is sent again instead.
 *
 * @returns undefined if there is nothing to order: another tab has ordered it.
 * @throws ConnectError
 */
export function orderBasket(
  currency: string,
  userId: string,
  shippingAddress: AddressValues | undefined,
  waiting: () => void,
): Promise<Order | undefined> {
  const name = orderName(currency);
  return intents.alone(name, async () => {
    basket.reload();
    const items = basket.lines.peek().filter((line) => line.currency === currency).map(itemOf);
    const begun = intents.open<OrderRequest>(name, userId);
    if (!begun && (items.length === 0 || !shippingAddress)) return undefined;
    const intent = begun ?? intents.openOrBegin<OrderRequest>(name, userId, { items, shippingAddress: shippingAddress! });
    return intents.once(name, async () => {
      const order = await send(intent, waiting);
      // Before the key is forgotten: another tab sees both changes late, but in this order. It finds the key, or no goods.
      basket.remove(...intent.request.items.map((item) => item.productId));
      return order;
    });
  });
}

function itemOf({ productId, quantity, price }: basket.Line): OrderRequest["items"][number] {
  return { productId, quantity, price: Number(price) };
}

function send(intent: intents.Intent<OrderRequest>, waiting: () => void): Promise<Order> {
  return insist(() => orders.createOrder(intent.request, withKey(intent.key)), waiting);
}

/** Orders that were placed again, by the order that failed. */
const replacements = stored("replacements", (value): value is Record<string, string> => isRecord(value));

/** The order that was placed instead of a cancelled one. */
export function replacementOf(orderId: string): string | undefined {
  return replacements.read()?.[orderId];
}

/**
 * The order to pay after a decline. A decline cancels an order, so the same goods are ordered again. The key comes from
 * the declined order: there is one replacement, also from two devices.
 *
 * The cancellation frees the goods, so it is waited for. If it takes longer, the goods are ordered all the same: the
 * declined order will be cancelled, and a payment of it would be given back.
 *
 * @throws ConnectError
 */
export function orderAgain(declined: Order, userId: string, waiting: () => void): Promise<Order> {
  const name = `again.${declined.id}`;
  return intents.alone(name, async () => {
    const order = await untilDecided(declined);
    if (order.status !== "cancelled" && order.status !== "pending") return order;
    const { street = "", city = "", state = "", zipCode = "", country = "" } = declined.shippingAddress ?? {};
    const request = {
      items: declined.items.map(({ productId, quantity, price }) => ({ productId, quantity, price: Number(price) })),
      shippingAddress: { street, city, state, zipCode, country },
    };
    const intent = { key: `again-${declined.id}`, userId, request };
    const placed = await intents.once(name, () => send(intent, waiting));
    replacements.write({ ...replacements.read(), [declined.id]: placed.id });
    return placed;
  });
}

const CANCELLING_TRIES = 20;
const CANCELLING_DELAY = 500;

/** The order after the decline has reached it, which takes a moment; or as it is after ten seconds. */
async function untilDecided(declined: Order): Promise<Order> {
  let order = declined;
  for (let tries = 0; order.status === "pending" && tries < CANCELLING_TRIES; tries++) {
    order = await insist(() => orders.getOrder({ id: declined.id }), () => undefined);
    if (order.status === "pending") await pause(CANCELLING_DELAY);
  }
  return order;
}

/**
 * Pay an order. If an earlier request has no final answer, that one is sent again instead, with its method.
 *
 * @param method undefined: only ask for the answer that is missing.
 * @returns undefined if none is missing any more: another tab has it.
 * @throws ConnectError
 */
export function pay(
  order: Order,
  userId: string,
  method: string | undefined,
  waiting: () => void,
): Promise<Payment | undefined> {
  const name = paymentName(order.id);
  return intents.alone(name, async () => {
    const intent = intents.open<PaymentRequest>(name, userId) ?? (method && begin(order, userId, method));
    if (!intent) return undefined;
    return intents.once(name, () => insist(() => payments.createPayment(intent.request, withKey(intent.key)), waiting));
  });
}

function begin(order: Order, userId: string, paymentMethodId: string): intents.Intent<PaymentRequest> {
  const { id: orderId, totalAmount, currency } = order;
  const request = { orderId, amount: Number(totalAmount), currency, paymentMethodId };
  return intents.openOrBegin<PaymentRequest>(paymentName(orderId), userId, request);
}

interface Challenge {
  paymentId: string;
  orderId: string;
}

/** The payments for which the browser went to the bank, by Stripe's id of the intent, with which it comes back. */
const challenges = stored("challenges", (value): value is Record<string, Challenge> => isRecord(value));

function intentOf(payment: Payment): string {
  return payment.clientSecret?.split("_secret_")[0] ?? "";
}

/** Go to the bank's page. False: the payment has no such page. */
export function goToBank(payment: Payment): boolean {
  const url = URL.parse(payment.challengeUrl ?? "");
  if (!url || !/^https?:$/.test(url.protocol)) return false;
  const { paymentId, orderId } = payment;
  challenges.write({ ...challenges.read(), [intentOf(payment)]: { paymentId, orderId } });
  location.assign(url);
  return true;
}

/**
 * Ask for the outcome, back from the bank.
 *
 * @param intent Stripe's id of the intent.
 * @returns the order's id, if it is known.
 * @throws ConnectError
 */
export async function returnFromBank(intent: string, waiting: () => void): Promise<string | undefined> {
  const open = challenges.read()?.[intent] ?? (await newestChallenge());
  if (!open) return undefined;
  await insist(() => payments.confirmPayment({ id: open.paymentId }), waiting);
  const { [intent]: _, ...others } = challenges.read() ?? {};
  challenges.write(others);
  return open.orderId;
}

/** Another browser was used to pay: look among the last payments. */
async function newestChallenge(): Promise<Challenge | undefined> {
  const { payments: found } = await payments.listPayments({ pageSize: 20 });
  const waiting = found.find((payment) => payment.status === "requires_action") ?? found[0];
  return waiting && { paymentId: waiting.paymentId, orderId: waiting.orderId };
}
