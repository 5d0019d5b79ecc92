/** The language of the page. Texts of other languages than English are loaded when they are needed. */

import { computed, signal } from "@preact/signals";
import { stored } from "../storage";
import en from "./en";

export type Widened<T> = T extends string
  ? string
  : T extends (...parameters: infer P) => string
    ? (...parameters: P) => string
    : { [K in keyof T]: Widened<T[K]> };

/** The texts of a language. One that lacks a text is a type error. */
export type Texts = Widened<typeof en>;

export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

const chosen = stored("language", (value): value is Language => typeof value === "string" && value in LANGUAGES);

export const language = signal<Language>("en");
const texts = signal<Texts>(en);
/** The texts, for components: they render again when the language changes. */
export const t = computed(() => texts.value);

/** Show texts in the language that was chosen before, or the browser's. */
export async function startLanguage(): Promise<void> {
  const wanted = chosen.read() ?? navigator.languages.map((one) => one.slice(0, 2)).find(isLanguage) ?? "en";
  await load(wanted).catch(() => load("en"));
}

export async function chooseLanguage(wanted: Language): Promise<void> {
  await load(wanted);
  chosen.write(wanted);
}

async function load(wanted: Language): Promise<void> {
  texts.value = wanted === "de" ? (await import("./de")).default : en;
  language.value = wanted;
  document.documentElement.lang = wanted;
}

export function isLanguage(text: string): text is Language {
  return text in LANGUAGES;
}
