/** An order's live state, by the stream of WatchOrder. */

import { useEffect, useRef, useState } from "preact/hooks";
import { failureOf } from "./failures";
import type { Order } from "./gen/argosy/order/v1/order_pb";
import { jitter, pause } from "./patience";
import { orders, sessions } from "./rpc";

const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;
const FINAL: ReadonlySet<string> = new Set(["delivered", "cancelled"]);
const HOPELESS: ReadonlySet<string> = new Set(["NOT_FOUND", "ORDER_NOT_FOUND", "INVALID_ARGUMENT", "UNAUTHENTICATED"]);

export type Link = "connecting" | "live" | "broken" | "ended";

export interface Watched {
  order: Order | undefined;
  link: Link;
  /** Why there is nothing to watch. */
  error: unknown;
}

/** Watches while the page is visible: a browser has few connections to one host, and hidden tabs need none. */
export function useOrder(id: string): Watched {
  const [watched, setWatched] = useState<Watched>({ order: undefined, link: "connecting", error: undefined });
  const ended = useRef(false);
  useEffect(() => {
    let running: AbortController | undefined;
    const set = (changes: Partial<Watched>): void => {
      if (changes.link === "ended") ended.current = true;
      setWatched((before) => ({ ...before, ...changes }));
    };
    const start = (): void => {
      if (running || ended.current || document.hidden) return;
      running = new AbortController();
      void watch(id, set, running.signal);
    };
    const stop = (): void => {
      running?.abort();
      running = undefined;
    };
    const look = (): void => (document.hidden ? stop() : start());
    document.addEventListener("visibilitychange", look);
    addEventListener("pagehide", stop);
    addEventListener("pageshow", start);
    start();
    return () => {
      stop();
      document.removeEventListener("visibilitychange", look);
      removeEventListener("pagehide", stop);
      removeEventListener("pageshow", start);
    };
  }, [id]);
  return watched;
}

async function watch(id: string, set: (changes: Partial<Watched>) => void, signal: AbortSignal): Promise<void> {
  for (let delay = FIRST_DELAY; !signal.aborted; delay = Math.min(LONGEST_DELAY, delay * 2)) {
    try {
      for await (const order of orders.watchOrder({ id }, { signal, timeoutMs: 0 })) {
        if (signal.aborted) return;
        delay = FIRST_DELAY;
        const over = FINAL.has(order.status);
        set({ order, link: over ? "ended" : "live", error: undefined });
        if (over) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      const { reason } = failureOf(error);
      if (reason === "UNAUTHENTICATED") sessions.ended();
      if (HOPELESS.has(reason)) return set({ error, link: "ended" });
    }
    set({ link: "broken" });
    await pause(jitter(delay), signal);
  }
}
