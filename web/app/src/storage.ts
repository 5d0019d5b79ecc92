/** JSON values in the browser's storage. A storage that is full, blocked or has other content counts as empty. */

export interface Stored<T> {
  read(): T | undefined;
  write(value: T): void;
  remove(): void;
}

const PREFIX = "argosy.";

/**
 * A value that all tabs share.
 *
 * @param isValid whether a parsed value has the expected shape: an older version of the app may have written another.
 */
export function stored<T>(name: string, isValid: (value: unknown) => value is T): Stored<T> {
  const key = PREFIX + name;
  return {
    read() {
      try {
        const value: unknown = JSON.parse(localStorage.getItem(key) ?? "null");
        return isValid(value) ? value : undefined;
      } catch {
        return undefined;
      }
    },
    write(value) {
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch {
        // Without storage, the page still works until it is closed.
      }
    },
    remove() {
      try {
        localStorage.removeItem(key);
      } catch {
        // As above.
      }
    },
  };
}

/** Call back when another tab changes a value. */
export function onChangeElsewhere(name: string, changed: () => void): void {
  addEventListener("storage", (event) => {
    if (event.key === PREFIX + name || event.key === null) changed();
  });
}

/** The names of all stored values that start with a text. */
export function namesOf(start: string): string[] {
  try {
    return Object.keys(localStorage)
      .filter((key) => key.startsWith(PREFIX + start))
      .map((key) => key.slice(PREFIX.length));
  } catch {
    return [];
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
