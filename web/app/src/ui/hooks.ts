/** Loading, acting and forms. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { failureOf } from "../failures";
import { t } from "../texts";
import { sentence } from "./parts";

export interface Loaded<T> {
  value: T | undefined;
  error: unknown;
  reload: () => void;
}

/** What a request answers; again when one of the inputs changes, or on `reload`. The last answer stays meanwhile. */
export function useLoad<T>(load: () => Promise<T>, inputs: readonly unknown[]): Loaded<T> {
  const [found, setFound] = useState<{ value?: T; error?: unknown }>({});
  const [round, setRound] = useState(0);
  useEffect(() => {
    let wanted = true;
    load().then(
      (value) => wanted && setFound({ value }),
      (error: unknown) => wanted && setFound((before) => ({ ...before, error })),
    );
    return () => {
      wanted = false;
    };
  }, [...inputs, round]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { value: found.value, error: found.error, reload };
}

const FIRST_POLL = 1_500;
const LONGEST_POLL = 15_000;

/** Call `again` from time to time while something is moving and the page is visible; often again when an input changes. */
export function usePolling(moving: boolean, again: () => void, inputs: readonly unknown[]): void {
  useEffect(() => {
    if (!moving) return;
    let delay = FIRST_POLL;
    let timer = setTimeout(poll, delay);
    function poll(): void {
      if (!document.hidden) again();
      delay = Math.min(LONGEST_POLL, delay * 1.5);
      timer = setTimeout(poll, delay);
    }
    return () => clearTimeout(timer);
  }, [moving, ...inputs]);
}

export interface Pages<T> {
  items: readonly T[] | undefined;
  error: unknown;
  busy: boolean;
  /** Reads the next page. Absent after the last one. */
  more: (() => void) | undefined;
  /** Reads the first page again. */
  reload: () => void;
}

/** A list that is read page by page, from the start again when one of the inputs changes. */
export function usePages<T>(
  read: (pageToken: string) => Promise<{ items: readonly T[]; next: string }>,
  inputs: readonly unknown[],
): Pages<T> {
  const [found, setFound] = useState<{ items?: readonly T[]; next: string }>({ next: "" });
  const round = useRef(0);
  const reading = useAction(async (pageToken: string) => {
    const mine = round.current;
    const page = await read(pageToken);
    if (mine !== round.current) return;
    setFound((before) => ({ items: [...(pageToken ? (before.items ?? []) : []), ...page.items], next: page.next }));
  });
  const [again, setAgain] = useState(0);
  useEffect(() => {
    round.current += 1;
    setFound({ next: "" });
    reading.restart("");
  }, [...inputs, again]);
  return {
    items: found.items,
    error: reading.error,
    busy: reading.busy,
    more: found.next ? () => reading.run(found.next) : undefined,
    reload: () => setAgain((before) => before + 1),
  };
}

export interface Action<A extends unknown[]> {
  run: (...parameters: A) => void;
  /** Run although it runs already: what it did before is not wanted any more. */
  restart: (...parameters: A) => void;
  busy: boolean;
  error: unknown;
}

/** Something a click does. While it runs, further clicks do nothing. */
export function useAction<A extends unknown[]>(act: (...parameters: A) => Promise<void>): Action<A> {
  const runs = useRef({ last: 0, running: false });
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const restart = (...parameters: A): void => {
    const mine = ++runs.current.last;
    runs.current.running = true;
    setBusy(true);
    setError(undefined);
    act(...parameters)
      .catch((failed: unknown) => mine === runs.current.last && setError(failed))
      .finally(() => {
        if (mine !== runs.current.last) return;
        runs.current.running = false;
        setBusy(false);
      });
  };
  const run = (...parameters: A): void => {
    if (!runs.current.running) restart(...parameters);
  };
  return { run, restart, busy, error };
}

export type Values = Readonly<Record<string, string>>;

export interface Form {
  /** Props of the form element. */
  onSubmit: (event: SubmitEvent) => void;
  noValidate: true;
  ref: { current: HTMLFormElement | null };
}

export interface FormState {
  form: Form;
  busy: boolean;
  error: unknown;
  /** The sentence for a field, by its name. */
  problem: (field: string) => string | undefined;
  /** The sentence for the whole form, if its fields do not explain the error. */
  summary: string | undefined;
}

/**
 * A form: checks what the browser can check, submits once, and shows each field what is wrong with it.
 *
 * @param texts the sentence for each field; without one, the shop's.
 */
export function useForm(submit: (values: Values) => Promise<void>, texts: Readonly<Record<string, string>> = {}): FormState {
  const ref = useRef<HTMLFormElement | null>(null);
  const [invalid, setInvalid] = useState<ReadonlySet<string>>(new Set());
  const action = useAction(submit);
  const failure = action.error === undefined ? undefined : failureOf(action.error);
  const refused = new Set([...(failure?.fields.keys() ?? [])].map(leaf));
  if (failure?.reason === "WRONG_PASSWORD") refused.add("currentPassword").add("oldPassword");
  const problem = (field: string): string | undefined => {
    const fieldText = (): string => texts[field] ?? shopText(field);
    if (invalid.has(field)) return fieldText();
    if (!failure || !refused.has(field)) return undefined;
    return failure.reason === "INVALID_ARGUMENT" ? fieldText() : sentence(failure);
  };

  useEffect(() => {
    ref.current?.querySelector<HTMLElement>("[aria-invalid=true]")?.focus();
  }, [action.error, invalid]);

  function onSubmit(event: SubmitEvent): void {
    event.preventDefault();
    const element = event.currentTarget as HTMLFormElement;
    const wrong = [...element.elements].filter(isControl).filter((control) => !control.validity.valid);
    setInvalid(new Set(wrong.map((control) => control.name)));
    if (wrong.length > 0) return;
    action.run(valuesOf(element));
  }

  return {
    form: { onSubmit, noValidate: true, ref },
    busy: action.busy,
    error: action.error,
    problem,
    summary: failure && !explains(ref.current, refused) ? sentence(failure) : undefined,
  };
}

function explains(form: HTMLFormElement | null, refused: ReadonlySet<string>): boolean {
  return [...(form?.elements ?? [])].filter(isControl).some((control) => refused.has(control.name));
}

function shopText(field: string): string {
  const texts: Readonly<Record<string, string>> = t.value.fields;
  return texts[field] ?? t.value.fieldInvalid;
}

/** The last part of a field's path: zipCode of shippingAddress.zipCode. */
function leaf(path: string): string {
  return path.slice(path.lastIndexOf(".") + 1);
}

type Control = HTMLInputElement | HTMLSelectElement | HTMLTextAreaElement;

function isControl(element: Element): element is Control {
  return element.matches("input, select, textarea");
}

function valuesOf(form: HTMLFormElement): Values {
  const entries = [...new FormData(form)].filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return Object.fromEntries(entries.map(([name, text]) => [name, secret(name) ? text : text.trim()]));
}

function secret(name: string): boolean {
  return /password/i.test(name);
}
