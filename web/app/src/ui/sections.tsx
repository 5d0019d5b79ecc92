/** The links to the pages of a room, beside its page. */

import type { ComponentChildren } from "preact";
import { place } from "../router";

interface SectionsProps {
  label: string;
  links: readonly (readonly [to: string, label: string])[];
  children?: ComponentChildren;
}

export function Sections({ label, links, children }: SectionsProps) {
  const { path } = place.value;
  const isAbove = (to: string): boolean => {
    const above = to.split("?")[0];
    return path === above || path.startsWith(`${above}/`);
  };
  const current = links.map(([to]) => to).filter(isAbove).sort((a, b) => b.length - a.length)[0];
  return (
    <nav class="sections" aria-label={label}>
      {links.map(([to, text]) => (
        <a key={to} href={to} {...(to === current ? { "aria-current": "page" as const } : {})}>
          {text}
        </a>
      ))}
      {children}
    </nav>
  );
}
