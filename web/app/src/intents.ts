/**
 * Idempotency keys. An intention (to place this order, to pay it) gets one key before its first request. The key and the
 * request are kept in the browser until the answer is final. Every repeat sends them again: a second click, a second
 * tab, a reload, a new connection. The server answers repeats with the first answer.
 */

import { failureOf } from "./failures";
import { isRecord, namesOf, stored } from "./storage";

export interface Intent<T> {
  key: string;
  /** Who has the intention: a kept one of another account is not theirs. */
  userId: string;
  request: T;
}

const PREFIX = "intent.";

function shelf<T>(name: string) {
  return stored(
    PREFIX + name,
    (value): value is Intent<T> => isRecord(value) && typeof value.key === "string" && isRecord(value.request),
  );
}

/** The intention whose answer is not final yet. */
export function open<T extends object>(name: string, userId: string): Intent<T> | undefined {
  const found = shelf<T>(name).read();
  return found?.userId === userId ? found : undefined;
}

/** The open intention of this name, or a new one with this request. */
export function openOrBegin<T extends object>(name: string, userId: string, request: T): Intent<T> {
  const found = open<T>(name, userId);
  if (found) return found;
  const intent = { key: crypto.randomUUID(), userId, request };
  shelf<T>(name).write(intent);
  return intent;
}

/** The answer is final. */
export function close(name: string): void {
  shelf(name).remove();
}

/** Forget all, at sign-out: requests contain addresses. */
export function forgetAll(): void {
  for (const name of namesOf(PREFIX)) shelf(name.slice(PREFIX.length)).remove();
}

/** Run alone of all tabs: of two clicks at once, the second sees what the first did. */
export async function alone<T>(name: string, run: () => Promise<T>): Promise<T> {
  if (!("locks" in navigator)) return run();
  return navigator.locks.request(PREFIX + name, run) as Promise<T>;
}

/** Run the request of an intention, and close it if the answer is final. */
export async function once<T>(name: string, request: () => Promise<T>): Promise<T> {
  try {
    const answer = await request();
    close(name);
    return answer;
  } catch (error) {
    const { transient, reason } = failureOf(error);
    if (!transient && reason !== "UNAUTHENTICATED" && reason !== "OFFLINE") close(name);
    throw error;
  }
}
