/** What staff read of an account, in lists and on its page. */

import { d } from "./texts";

export function nameOf({ firstName, lastName }: { firstName: string; lastName: string }): string {
  return `${firstName} ${lastName}`.trim();
}

const TONES: Readonly<Record<string, string>> = { active: "good", suspended: "bad" };

export function AccountBadge({ status }: { status: string }) {
  const words: Readonly<Record<string, string>> = d.value.customers.status;
  return <span class={`badge ${TONES[status] ?? ""}`}>{words[status] ?? status}</span>;
}
