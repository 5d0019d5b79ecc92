/**
 * Who is signed in. Tokens are in cookies that scripts cannot read (HttpOnly); this file is the only one that knows the
 * requests by which they come and go.
 */

import { computed, signal } from "@preact/signals";
import type { User } from "./gen/argosy/user/v1/user_pb";
import * as intents from "./intents";
import { renewal, users, withKey } from "./rpc";
import { isRecord, onChangeElsewhere, stored } from "./storage";

/** Whether somebody is signed in, as far as the browser knows: the cookie cannot be read. */
const NAME = "session";
const hint = stored(NAME, (value): value is { userId: string } => isRecord(value) && typeof value.userId === "string");

const signedIn = signal(hint.read());
export const userId = computed(() => signedIn.value?.userId);
/** The account; undefined until it is read. */
export const user = signal<User | undefined>(undefined);
/** Whether the session ended by itself. */
export const expired = signal(false);

export interface Person {
  email: string;
  password: string;
  firstName: string;
  lastName: string;
}

onChangeElsewhere(NAME, () => {
  const now = hint.read();
  if (now?.userId === userId.value) return;
  signedIn.value = now;
  user.value = undefined;
});

renewal.renew = () => {
  if (userId.value !== undefined) end(true);
  return Promise.resolve(false);
};

/** @throws ConnectError */
export async function signIn(email: string, password: string): Promise<void> {
  begin((await users.login({ email, password })).user?.id);
}

/** Create an account and sign in. @throws ConnectError */
export async function signUp(person: Person, key: string): Promise<void> {
  begin((await users.register(person, withKey(key))).user?.id);
}

export async function signOut(): Promise<void> {
  try {
    await users.logout({});
  } finally {
    intents.forgetAll();
    end(false);
  }
}

/** Delete the account, and all that the browser keeps of it. @throws ConnectError */
export async function deleteAccount(): Promise<void> {
  await users.deleteUser({ id: "me" });
  intents.forgetAll();
  end(false);
}

/** Read the account again. @throws ConnectError */
export async function loadUser(): Promise<User> {
  const found = await users.getUser({ id: "me" });
  user.value = found;
  return found;
}

/** The session is over, for every tab. */
export function end(byItself: boolean): void {
  hint.remove();
  expired.value = byItself;
  signedIn.value = undefined;
  user.value = undefined;
}

function begin(id: string | undefined): void {
  if (id === undefined) throw new TypeError("the answer has no account");
  hint.write({ userId: id });
  expired.value = false;
  signedIn.value = { userId: id };
  user.value = undefined;
}
