/** Routes of the page: a path shows a component. Links are ordinary links; the pages are loaded when they are needed. */

import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "./texts";
import { Loading, Page, Problem } from "./ui/parts";

export interface Place {
  path: string;
  query: URLSearchParams;
  /** What follows the `#`, without it. */
  fragment: string;
}

export type Params = Readonly<Record<string, string>>;
export type View = ComponentType<{ params: Params }>;
export type Routes = readonly (readonly [pattern: string, load: () => Promise<{ default: View }>])[];

export const place = signal<Place>(here());
/** Counts navigations: 0 is the page that the browser loaded. */
export const visits = signal(0);

function here(): Place {
  return { path: location.pathname, query: new URLSearchParams(location.search), fragment: location.hash.slice(1) };
}

/** Go to a path of the app. `replace`: the back button skips the present page. */
export function navigate(to: string, { replace = false } = {}): void {
  history[replace ? "replaceState" : "pushState"](null, "", to);
  if (!replace) scrollTo(0, 0);
  arrive();
}

/** Remove secrets of a link from the address bar and the history. The page stays as it is. */
export function hideAddress(): void {
  history.replaceState(null, "", location.pathname);
}

function arrive(): void {
  visits.value += 1;
  place.value = here();
}

/** Handle links and the back button. Call it once. */
export function startRouter(isOurs: (path: string) => boolean): void {
  addEventListener("popstate", arrive);
  document.addEventListener("click", (event) => {
    const link = (event.target as Element).closest("a");
    const modified = event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0;
    if (!link || modified || event.defaultPrevented || link.target || link.origin !== location.origin) return;
    if (!isOurs(link.pathname) || link.hash) return;
    event.preventDefault();
    navigate(link.pathname + link.search);
  });
}

/** The parameters in a path that fits a pattern such as /orders/:id, or /desk/*: /desk and every path below it. */
export function match(pattern: string, path: string): Params | undefined {
  const wanted = pattern.split("/");
  const found = path.split("/");
  if (wanted.at(-1) === "*") {
    wanted.pop();
    found.splice(wanted.length);
  }
  if (wanted.length !== found.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = found[index] ?? "";
    if (part.startsWith(":")) {
      if (!text) return undefined;
      params[part.slice(1)] = decode(text);
    } else if (part !== text) return undefined;
  }
  return params;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const loaded = new Map<string, View>();

/** Shows the component of the present path. */
export function Router({ routes, missing: Missing }: { routes: Routes; missing: View }) {
  const { path } = place.value;
  for (const [pattern, load] of routes) {
    const params = match(pattern, path);
    if (params) return <Lazy key={pattern.endsWith("*") ? pattern : path} pattern={pattern} load={load} params={params} />;
  }
  return <Missing key={path} params={{}} />;
}

function Lazy({ pattern, load, params }: { pattern: string; load: Routes[number][1]; params: Params }) {
  const [View, setView] = useState<View | undefined>(() => loaded.get(pattern));
  const [failed, setFailed] = useState<unknown>();
  useEffect(() => {
    if (View) return;
    load().then(
      (module) => {
        loaded.set(pattern, module.default);
        setView(() => module.default);
      },
      (error: unknown) => setFailed(error),
    );
  }, []);
  if (View) return <View params={params} />;
  if (failed === undefined) return <Loading />;
  return (
    <Page title={t.value.shop.name}>
      <Problem error={failed} retry={() => location.reload()} />
    </Page>
  );
}
