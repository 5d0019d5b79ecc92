/** What the staff do once, however often they click: refunds, stock moves, new products. */

import { useEffect, useState } from "preact/hooks";
import * as intents from "../intents";
import { insist } from "../patience";
import { withKey } from "../rpc";
import { useAction } from "../ui/hooks";

type Send<R, A> = (request: R, options: ReturnType<typeof withKey>) => Promise<A>;

export interface Intention<R> {
  /**
   * Send a request until its answer is final. If an earlier one has no final answer yet, that one is sent again instead.
   *
   * @param begin makes the request; it may throw what the person must see before.
   * @throws ConnectError
   */
  carryOut: (begin: () => R | Promise<R>) => Promise<void>;
  /** Whether the request is being repeated, because the first answer is missing. */
  waiting: boolean;
  /** Whether the page asks for the answer to a request of an earlier visit. */
  resuming: boolean;
  error: unknown;
}

/**
 * One intention at a time of this name, with one idempotency key for all its requests (ADR 21).
 *
 * @param done gets the answer: it may be that of the earlier request.
 */
export function useIntention<R extends object, A>(
  name: string,
  userId: string,
  send: Send<R, A>,
  done: (answer: A) => void,
): Intention<R> {
  const [waiting, setWaiting] = useState(false);
  const carryOut = (begin?: () => R | Promise<R>): Promise<void> =>
    intents.alone(name, async () => {
      const begun = intents.open<R>(name, userId);
      if (!begun && !begin) return; // another tab has the answer
      const { key, request } = begun ?? intents.openOrBegin<R>(name, userId, await begin!());
      try {
        const ask = (): Promise<A> => send(request, withKey(key));
        done(await intents.once(name, () => insist(ask, () => setWaiting(true))));
      } finally {
        setWaiting(false);
      }
    });
  const resuming = useAction(() => carryOut());
  useEffect(() => {
    if (intents.open(name, userId)) resuming.run();
  }, [name]);
  return { carryOut, waiting, resuming: resuming.busy, error: resuming.error };
}
