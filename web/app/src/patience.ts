/** Repeats a request until its answer is final. */

import { failureOf } from "./failures";

const FIRST_DELAY = 500;
const LONGEST_DELAY = 8_000;
const PATIENCE = 90_000;

/**
 * The final answer. The request must be safe to repeat: it has an idempotency key, or changes nothing.
 *
 * @param waiting called before each repeat.
 * @throws the last error, if it is final or the patience is over.
 */
export async function insist<T>(request: () => Promise<T>, waiting: () => void): Promise<T> {
  const end = Date.now() + PATIENCE;
  for (let delay = FIRST_DELAY; ; delay = Math.min(LONGEST_DELAY, delay * 2)) {
    try {
      return await request();
    } catch (error) {
      const failure = failureOf(error);
      if (!failure.transient || Date.now() > end) throw error;
      waiting();
      await pause(Math.max(failure.retryAfter, jitter(delay)));
    }
  }
}

/** Wait, at most until the connection is back or the signal aborts. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(end, milliseconds);
    function end(): void {
      clearTimeout(timer);
      removeEventListener("online", end);
      signal?.removeEventListener("abort", end);
      resolve();
    }
    addEventListener("online", end);
    signal?.addEventListener("abort", end);
    if (signal?.aborted) end();
  });
}

export function jitter(milliseconds: number): number {
  return milliseconds * (0.75 + Math.random() / 2);
}
