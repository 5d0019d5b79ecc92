/** What all pages are made of. */

import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { type Failure, failureOf } from "../failures";
import { format, type Money as Amount } from "../money";
import { visits } from "../router";
import { language, t } from "../texts";

/** The text that screen readers read out next. */
const announcement = signal("");

export function announce(text: string): void {
  announcement.value = "";
  setTimeout(() => (announcement.value = text), 50);
}

export function Announcer() {
  return (
    <p class="visually-hidden" role="status">
      {announcement.value}
    </p>
  );
}

/** A page with its heading. After a navigation the heading has the focus, so that screen readers read it. */
export function Page({ title, lead, narrow = false, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => {
    document.title = title === t.value.shop.name ? title : `${title} – ${t.value.shop.name}`;
  }, [title]);
  useEffect(() => {
    if (visits.peek() > 0) heading.current?.focus({ preventScroll: true });
  }, []);
  return (
    <article class={narrow ? "page narrow" : "page"}>
      <header class="page-header">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {lead && <p class="lead">{lead}</p>}
      </header>
      {children}
    </article>
  );
}

interface PageProps {
  title: string;
  lead?: ComponentChildren;
  narrow?: boolean;
  children?: ComponentChildren;
}

/** A page with nothing to do on it but to go back to the catalog. */
export function DeadEnd({ title, lead, children }: Omit<PageProps, "narrow">) {
  return (
    <Page title={title} lead={lead} narrow>
      {children}
      <p>
        <a class="button" href="/">
          {t.value.common.back}
        </a>
      </p>
    </Page>
  );
}

export function Loading() {
  return (
    <p class="loading" role="status">
      <span class="spinner" aria-hidden="true" />
      {t.value.common.loading}
    </p>
  );
}

export type Tone = "info" | "good" | "bad";

/** A box that says something. A bad one is read out at once. */
export function Notice({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return (
    <div class={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      {children}
    </div>
  );
}

/** The sentence for an error, and a button if the same may be tried again. */
export function Problem({ error, retry }: { error: unknown; retry?: () => void }) {
  const failure = failureOf(error);
  return (
    <Notice tone="bad">
      <p>{sentence(failure)}</p>
      {retry && (
        <button type="button" class="button secondary" onClick={retry}>
          {t.value.common.retry}
        </button>
      )}
    </Notice>
  );
}

export function sentence(failure: Failure): string {
  return t.value.errors[failure.reason];
}

export function Money({ amount, currency }: Amount) {
  return <span class="money">{format({ amount, currency }, t.value.locale)}</span>;
}

export function money(amount: string, currency: string): string {
  return format({ amount, currency }, t.value.locale);
}

/** A point in time, in the browser's zone. */
export function When({ at }: { at: Date }) {
  return <time dateTime={at.toISOString()}>{when(at)}</time>;
}

export function when(at: Date): string {
  return new Intl.DateTimeFormat(t.value.locale, { dateStyle: "medium", timeStyle: "short" }).format(at);
}

/** The name of a country in the language of the page. */
export function countryName(code: string): string {
  try {
    return new Intl.DisplayNames(language.value, { type: "region" }).of(code) ?? code;
  } catch {
    return code;
  }
}

interface SubmitProps {
  busy: boolean;
  label: string;
  busyLabel?: string;
  kind?: "primary" | "secondary" | "danger";
  disabled?: boolean;
}

/** The button of a form. While it is busy it does nothing, and keeps the focus. */
export function Submit({ busy, label, busyLabel = label, kind = "primary", disabled = false }: SubmitProps) {
  return (
    <button class={`button ${kind}`} type="submit" aria-disabled={busy || disabled} disabled={disabled}>
      {busy && <span class="spinner" aria-hidden="true" />}
      {busy ? busyLabel : label}
    </button>
  );
}
