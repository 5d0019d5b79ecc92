/** The state of an order as a line of steps. */

import { useEffect, useRef } from "preact/hooks";
import type { Order } from "../gen/argosy/order/v1/order_pb";
import { statusText } from "../order_texts";
import { t } from "../texts";
import type { Link } from "../watch";
import { announce } from "./parts";

const STEPS = ["placed", "confirmed", "shipped", "delivered"] as const;
/** How many steps are done, by the order's status. */
const DONE: Readonly<Record<string, number>> = { pending: 1, confirmed: 2, shipped: 3, delivered: 4 };

export function Progress({ order, link }: { order: Order; link: Link }) {
  const { order: texts } = t.value;
  const words: Readonly<Record<string, string>> = texts.status;
  const done = DONE[order.status] ?? 0;
  const cancelled = order.status === "cancelled";
  return (
    <section class={`progress ${order.status}`} aria-label={texts.progress}>
      <p class="progress-head">
        <strong class="state">{words[order.status] ?? order.status}</strong>
        {link === "live" && <span class="live">{texts.live}</span>}
        {link === "broken" && <span class="live broken">{texts.reconnecting}</span>}
      </p>
      {!cancelled && (
        <ol>
          {STEPS.map((step, index) => (
            <li key={step} class={index < done ? "done" : index === done ? "next" : ""} {...(index === done - 1 ? { "aria-current": "step" as const } : {})}>
              <svg viewBox="0 0 24 24" aria-hidden="true" focusable="false">
                <circle cx="12" cy="12" r="10" />
                <path d="M7 12.5l3.5 3.5 6.5-7.5" />
              </svg>
              <span>{texts.steps[step]}</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** Have screen readers read out each new status. */
export function useAnnouncedStatus(order: Order | undefined): void {
  const before = useRef<string | undefined>(undefined);
  useEffect(() => {
    if (!order) return;
    if (before.current !== undefined && before.current !== order.status) {
      announce(t.value.order.changed(statusText(order.status)));
    }
    before.current = order.status;
  }, [order?.status]);
}
