/** The desk's texts. They come with the desk, in every language. */

import { computed } from "@preact/signals";
import { type Language, language, type Widened } from "../../texts";
import de from "./de";
import en from "./en";

/** The texts of a language. One that lacks a text is a type error. */
export type DeskTexts = Widened<typeof en>;

const TEXTS: Readonly<Record<Language, DeskTexts>> = { en, de };

/** The texts, for components: they render again when the language changes. */
export const d = computed(() => TEXTS[language.value]);
