import { t } from "../texts";
import type { Pages } from "./hooks";

/** The button under a list that has another page. */
export function More({ pages }: { pages: Pages<unknown> }) {
  if (!pages.more) return null;
  return (
    <p class="more">
      <button type="button" class="button secondary" aria-disabled={pages.busy} onClick={pages.more}>
        {pages.busy ? t.value.common.loading : t.value.common.more}
      </button>
    </p>
  );
}
