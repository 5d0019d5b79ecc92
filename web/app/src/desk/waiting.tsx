import { t } from "../texts";
import { Notice } from "../ui/parts";
import type { Intention } from "./once";
import { d } from "./texts";

/** That a request is being repeated, or that the page asks for the answer to an earlier one. */
export function Waiting({ intention }: { intention: Pick<Intention<unknown>, "waiting" | "resuming"> }) {
  const { waiting, resuming } = intention;
  if (!waiting && !resuming) return null;
  return (
    <Notice tone="info">
      <p>{waiting ? t.value.common.repeating : d.value.once.resumed}</p>
    </Notice>
  );
}
