/** Fields of forms, each with its label, its hint and what is wrong with it. */

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";
import { countryName, Notice } from "./parts";
import { t } from "../texts";
import type { FormState } from "./hooks";

interface FieldProps {
  form: FormState;
  name: string;
  label: string;
  type?: "text" | "email" | "password" | "tel" | "date";
  value?: string | undefined;
  autocomplete?: string;
  hint?: string;
  required?: boolean;
  minLength?: number;
  /** What the browser checks, and the keyboard of a phone. */
  pattern?: string;
  inputMode?: "decimal" | "numeric" | "text";
  maxLength?: number;
}

export function Field({ form, name, label, type = "text", value, autocomplete = "off", hint, ...more }: FieldProps) {
  const kind = { type } as { type: "text" }; // the types of Preact want one kind of input at a time
  return (
    <Labelled form={form} name={name} label={label} hint={hint} required={more.required ?? false}>
      {(ids) => (
        <input {...ids} {...kind} name={name} defaultValue={value ?? ""} autocomplete={autocomplete} {...more} />
      )}
    </Labelled>
  );
}

export function TextArea({ form, name, label, value, maxLength }: FieldProps) {
  return (
    <Labelled form={form} name={name} label={label} required={false}>
      {(ids) => <textarea {...ids} name={name} rows={4} defaultValue={value ?? ""} {...(maxLength ? { maxLength } : {})} />}
    </Labelled>
  );
}

/** What is wrong with the form as a whole. */
export function FormProblem({ form }: { form: FormState }) {
  if (form.summary === undefined) return null;
  return (
    <Notice tone="bad">
      <p>{form.summary}</p>
    </Notice>
  );
}

interface Ids {
  id: string;
  "aria-invalid": boolean;
  "aria-describedby"?: string;
}

interface LabelledProps {
  form: FormState;
  name: string;
  label: string;
  hint?: string | undefined;
  required: boolean;
  children: (ids: Ids) => ComponentChildren;
}

function Labelled({ form, name, label, hint, required, children }: LabelledProps) {
  const id = useId();
  const problem = form.problem(name);
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label for={id}>
        {label} {!required && <span class="muted">{t.value.common.optional}</span>}
      </label>
      {children({ id, "aria-invalid": problem !== undefined, ...(described ? { "aria-describedby": described } : {}) })}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
      {problem && (
        <p class="problem" id={`${id}-problem`}>
          {problem}
        </p>
      )}
    </div>
  );
}

export interface AddressValues {
  street: string;
  city: string;
  state: string;
  zipCode: string;
  country: string;
}

export const NO_ADDRESS: AddressValues = { street: "", city: "", state: "", zipCode: "", country: "" };

const COUNTRIES = (
  "AE AR AT AU BE BG BR CA CH CL CN CO CY CZ DE DK EE EG ES FI FR GB GR HK HR HU IE IL IN IS IT JP KE KR LI LT LU LV MA " +
  "MC MT MX MY NG NL NO NZ PE PH PL PT RO RS SE SG SI SK TH TR TW UA US UY VN ZA"
).split(" ");

/** The fields of an address. `required`: street, city and country must be given. */
export function AddressFields({ form, value, required }: { form: FormState; value: AddressValues; required: boolean }) {
  const id = useId();
  const { address } = t.value;
  const problem = form.problem("country");
  const known = COUNTRIES.includes(value.country) || !value.country ? COUNTRIES : [...COUNTRIES, value.country];
  const options = known.map((code) => [code, countryName(code)] as const).sort((a, b) => a[1].localeCompare(b[1]));
  return (
    <>
      <Field form={form} name="street" label={address.street} value={value.street} autocomplete="street-address" maxLength={200} required={required} />
      <div class="columns">
        <Field form={form} name="zipCode" label={address.zipCode} value={value.zipCode} autocomplete="postal-code" maxLength={20} />
        <Field form={form} name="city" label={address.city} value={value.city} autocomplete="address-level2" maxLength={100} required={required} />
      </div>
      <div class="columns">
        <Field form={form} name="state" label={address.state} value={value.state} autocomplete="address-level1" maxLength={100} />
        <div class="field">
          <label for={id}>
            {address.country} {!required && <span class="muted">{t.value.common.optional}</span>}
          </label>
          <select id={id} name="country" autocomplete="country" required={required} defaultValue={value.country} aria-invalid={problem !== undefined} {...(problem ? { "aria-describedby": `${id}-problem` } : {})}>
            <option value="" selected={!value.country} />
            {options.map(([code, name]) => (
              <option key={code} value={code} selected={code === value.country}>
                {name}
              </option>
            ))}
          </select>
          {problem && (
            <p class="problem" id={`${id}-problem`}>
              {problem}
            </p>
          )}
        </div>
      </div>
    </>
  );
}

export function addressOf(values: Readonly<Record<string, string>>): AddressValues {
  const { street = "", city = "", state = "", zipCode = "", country = "" } = values;
  return { street, city, state, zipCode, country };
}

/** A number of pieces, with buttons for one less and one more. */
export function QuantityInput({ id, label, value, most, change }: QuantityProps) {
  const limit = Math.max(1, Math.min(1000, most));
  const set = (text: string): void => {
    const wanted = Number.parseInt(text, 10);
    change(Number.isNaN(wanted) ? 1 : Math.min(limit, Math.max(1, wanted)));
  };
  return (
    <span class="quantity">
      <button type="button" class="step" aria-label={`${label} −1`} disabled={value <= 1} onClick={() => set(String(value - 1))}>
        −
      </button>
      <input id={id} type="number" inputMode="numeric" min={1} max={limit} value={value} aria-label={label} onChange={(event) => set(event.currentTarget.value)} />
      <button type="button" class="step" aria-label={`${label} +1`} disabled={value >= limit} onClick={() => set(String(value + 1))}>
        +
      </button>
    </span>
  );
}

interface QuantityProps {
  id?: string;
  label: string;
  value: number;
  most: number;
  change: (quantity: number) => void;
}
