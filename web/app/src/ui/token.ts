/** The token in the link of a mail. It follows the `#`, so that no server sees it. */

import { useEffect, useState } from "preact/hooks";
import { hideAddress, place } from "../router";

/** The token; empty if the link has none. It leaves the address bar at once. */
export function useToken(): string {
  const [token] = useState(() => new URLSearchParams(place.peek().fragment).get("token") ?? "");
  useEffect(hideAddress, []);
  return token;
}
