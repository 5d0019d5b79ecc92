/** What only signed-in people see. Others go to the sign-in, and come back. */

import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import { navigate, place } from "../router";
import { userId } from "../session";

export function Private({ children }: { children: (userId: string) => ComponentChildren }) {
  const id = userId.value;
  useEffect(() => {
    if (id !== undefined) return;
    const { path } = place.peek();
    navigate(`/sign-in?next=${encodeURIComponent(path)}`, { replace: true });
  }, [id]);
  return id === undefined ? null : <>{children(id)}</>;
}

/** Where to go after the sign-in: a path of this site. */
export function nextPath(): string {
  const next = place.peek().query.get("next") ?? "/";
  return /^\/(?![/\\])/.test(next) ? next : "/";
}
