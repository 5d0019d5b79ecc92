/** Amounts are decimal strings with the currency's number of places ("59.98"), as in the API. They are never floats. */

export interface Money {
  amount: string;
  currency: string;
}

/** What a person may type as an amount, as the pattern of a field: "12", "12.50" or "12,50". */
export const TYPED = "\\d+([.,]\\d+)?";

/** A typed amount, as the API wants it. */
export function typed(text: string): number {
  return Number(text.replace(",", "."));
}

/** A unit price times a quantity. */
export function times(price: string, quantity: number): string {
  const places = placesOf(price);
  return decimal(units(price, places) * BigInt(quantity), places);
}

/** The sum of amounts of one currency. "0" for none. */
export function sum(amounts: readonly string[]): string {
  const places = Math.max(0, ...amounts.map(placesOf));
  return decimal(
    amounts.reduce((total, amount) => total + units(amount, places), 0n),
    places,
  );
}

/** The first amount without the second, which is not larger. */
export function minus(amount: string, taken: string): string {
  const places = Math.max(placesOf(amount), placesOf(taken));
  return decimal(units(amount, places) - units(taken, places), places);
}

/** Whether the first amount is at least the second. */
export function covers(amount: string, needed: string): boolean {
  const places = Math.max(placesOf(amount), placesOf(needed));
  return units(amount, places) >= units(needed, places);
}

/** The amount in the form of a language: "$59.98", "59,98 $". */
export function format({ amount, currency }: Money, language: string): string {
  const places = placesOf(amount);
  return new Intl.NumberFormat(language, {
    style: "currency",
    currency,
    minimumFractionDigits: places,
    maximumFractionDigits: places,
  }).format(Number(amount));
}

function placesOf(amount: string): number {
  return amount.split(".")[1]?.length ?? 0;
}

function units(amount: string, places: number): bigint {
  const [whole = "0", fraction = ""] = amount.split(".");
  return BigInt(whole + fraction.padEnd(places, "0"));
}

function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, "0");
  return places === 0 ? digits : `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}
