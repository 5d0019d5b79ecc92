/** What the modules need of a browser, for tests in node. */

const kept = new Map<string, string>();

export const storage = {
  getItem: (key: string): string | null => kept.get(key) ?? null,
  setItem: (key: string, value: string): void => void kept.set(key, value),
  removeItem: (key: string): void => void kept.delete(key),
  clear: (): void => kept.clear(),
};

/** Object.keys(localStorage) are the keys of the items. */
const proxied = new Proxy(storage, {
  ownKeys: () => [...kept.keys()],
  getOwnPropertyDescriptor: () => ({ enumerable: true, configurable: true }),
});

Object.assign(globalThis, {
  localStorage: proxied,
  location: { origin: "http://shop", pathname: "/", search: "", hash: "" },
  addEventListener: () => undefined,
  removeEventListener: () => undefined,
});
