/**
 * Who is signed in. The token is in a cookie that scripts cannot read (rpc.ts). It is valid for 24 hours and is not
 * renewed: then the person signs in again, and finds basket and order as they were.
 */

import { computed, signal } from "@preact/signals";
import type { LoginResponse, RegisterResponse, User } from "./gen/argosy/user/v1/user_pb";
import * as intents from "./intents";
import { sessions, users, withKey } from "./rpc";
import { isRecord, onChangeElsewhere, stored } from "./storage";

interface Hint {
  userId: string;
  /** Whether the sign-in was answered with the role staff. It decides what is shown; the API decides what is allowed. */
  staff?: boolean;
}

/** Whether somebody is signed in, as far as the browser knows: the cookie cannot be read. */
const NAME = "session";
const hint = stored(NAME, (value): value is Hint => isRecord(value) && typeof value.userId === "string");

const signedIn = signal(hint.read());
export const userId = computed(() => signedIn.value?.userId);
export const isStaff = computed(() => signedIn.value?.staff === true);
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
  if (now?.userId === userId.value && (now?.staff === true) === isStaff.value) return;
  signedIn.value = now;
  user.value = undefined;
});

sessions.ended = () => {
  if (userId.value !== undefined) end(true);
};

/** Recognizes the browser at its next sign-in: failed ones of others then do not make it wait. It signs nobody in. */
const device = stored("device", (value): value is string => typeof value === "string");

/** @throws ConnectError */
export async function signIn(email: string, password: string): Promise<void> {
  begin(await users.login({ email, password, deviceToken: device.read() ?? "" }));
}

/** Create an account and sign in. @throws ConnectError */
export async function signUp(person: Person, key: string): Promise<void> {
  begin(await users.register(person, withKey(key)));
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

function begin({ user: account, deviceToken }: LoginResponse | RegisterResponse): void {
  const now = { userId: account?.id ?? "", staff: account?.staff === true };
  hint.write(now);
  device.write(deviceToken);
  expired.value = false;
  signedIn.value = now;
  user.value = undefined;
}
