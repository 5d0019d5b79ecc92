/** A list that each service has of its own: one that does not answer hides no other. */

import type { ComponentChildren } from "preact";
import { usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { Loading, Problem } from "../ui/parts";
import { d } from "./texts";

interface Page<T> {
  items: readonly T[];
  next: string;
}

interface ByServiceProps<T> {
  service: string;
  read: (pageToken: string) => Promise<Page<T>>;
  /** What is said of an empty list. */
  none: string;
  /** One line; `reload` reads the list again. */
  row: (item: T, reload: () => void) => ComponentChildren;
}

export function ByService<T>({ service, read, none, row }: ByServiceProps<T>) {
  const names: Readonly<Record<string, string>> = d.value.services;
  const pages = usePages(read, []);
  return (
    <section class="panel" aria-label={names[service] ?? service}>
      <h2>{names[service] ?? service}</h2>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items?.length === 0 && <p class="muted">{none}</p>}
      <ul class="rows">{pages.items?.map((item) => row(item, pages.reload))}</ul>
      <More pages={pages} />
    </section>
  );
}
