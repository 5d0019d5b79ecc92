/** Customers: found by their mail addresses, or the newest. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { effect, signal } from "@preact/signals";
import type { FoundUser } from "../gen/argosy/user/v1/user_pb";
import { navigate } from "../router";
import { users } from "../rpc";
import { userId } from "../session";
import { usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { Loading, Problem, When } from "../ui/parts";
import { AccountBadge, nameOf } from "./account";
import { DeskPage } from "./frame";
import { d } from "./texts";

/**
 * The first letters of the mail addresses that are shown. They are in the memory of the page, not in its address: browsers
 * and servers keep addresses of pages.
 */
const searched = signal("");

effect(() => {
  void userId.value; // the next person at this browser begins anew
  searched.value = "";
});

export default function Customers() {
  const { customers } = d.value;
  const emailPrefix = searched.value;
  const pages = usePages(
    async (pageToken) => {
      const page = await users.searchUsers({ emailPrefix, pageToken });
      return { items: page.users, next: page.nextPageToken };
    },
    [emailPrefix],
  );
  return (
    <DeskPage title={customers.title}>
      <form class="search" role="search" onSubmit={search}>
        <label class="visually-hidden" for="who">
          {customers.search}
        </label>
        <input id="who" name="who" type="search" placeholder={customers.search} defaultValue={emailPrefix} autocomplete="off" maxLength={254} />
        <button class="button secondary" type="submit">
          {customers.submit}
        </button>
      </form>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items?.length === 0 && <p role="status">{customers.none}</p>}
      {pages.items && pages.items.length > 0 && (
        <ul class="rows" aria-label={emailPrefix ? customers.found : customers.newest}>
          {pages.items.map((person) => (
            <Row key={person.id} person={person} />
          ))}
        </ul>
      )}
      <More pages={pages} />
    </DeskPage>
  );
}

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function search(event: SubmitEvent): void {
  event.preventDefault();
  const who = String(new FormData(event.currentTarget as HTMLFormElement).get("who") ?? "").trim();
  if (ID.test(who)) navigate(`/desk/customers/${who}`);
  else searched.value = who;
}

function Row({ person }: { person: FoundUser }) {
  return (
    <li class="row">
      <div>
        <a href={`/desk/customers/${person.id}`}>{nameOf(person)}</a>
        <span class="muted">{person.email}</span>
      </div>
      {person.createdAt && (
        <span class="muted">
          <When at={timestampDate(person.createdAt)} />
        </span>
      )}
      <AccountBadge status={person.accountStatus} />
    </li>
  );
}
