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

export interface Action<A extends unknown[]> {
  run: (...parameters: A) => void;
  busy: boolean;
  error: unknown;
  clear: () => void;
}

/** Something a click does. While it runs, further clicks do nothing. */
export function useAction<A extends unknown[]>(act: (...parameters: A) => Promise<void>): Action<A> {
  const running = useRef(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const run = (...parameters: A): void => {
    if (running.current) return;
    running.current = true;
    setBusy(true);
    setError(undefined);
    act(...parameters)
      .catch((failed: unknown) => setError(failed))
      .finally(() => {
        running.current = false;
        setBusy(false);
      });
  };
  return { run, busy, error, clear: () => setError(undefined) };
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

/** A form: checks what the browser can check, submits once, and shows each field what is wrong with it. */
export function useForm(submit: (values: Values) => Promise<void>): FormState {
  const ref = useRef<HTMLFormElement | null>(null);
  const [invalid, setInvalid] = useState<ReadonlySet<string>>(new Set());
  const action = useAction(submit);
  const failure = action.error === undefined ? undefined : failureOf(action.error);
  const refused = new Set([...(failure?.fields.keys() ?? [])].map(leaf));
  if (failure?.reason === "WRONG_PASSWORD") refused.add("currentPassword").add("oldPassword");
  const bad = (field: string): boolean => invalid.has(field) || refused.has(field);

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
    problem: (field) => (bad(field) ? fieldText(field) : undefined),
    summary: failure && !explains(ref.current, refused) ? sentence(failure) : undefined,
  };
}

function explains(form: HTMLFormElement | null, refused: ReadonlySet<string>): boolean {
  return [...(form?.elements ?? [])].filter(isControl).some((control) => refused.has(control.name));
}

function fieldText(field: string): string {
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
