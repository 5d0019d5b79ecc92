/** One customer: the account, whether they may sign in, their store credit and their orders. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Order } from "../gen/argosy/order/v1/order_pb";
import type { User } from "../gen/argosy/user/v1/user_pb";
import { shortId, statusText } from "../order_texts";
import type { Params } from "../router";
import { orders, users } from "../rpc";
import { t } from "../texts";
import { useLoad, usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { countryName, Loading, Money, Problem, When } from "../ui/parts";
import { AccountBadge, nameOf } from "./account";
import { Credit } from "./customer_credit";
import { Fact } from "./facts";
import { DeskPage } from "./frame";
import { Suspension } from "./suspension";
import { d } from "./texts";

export default function Customer({ params }: { params: Params }) {
  const id = params["id"] ?? "";
  const { customer } = d.value;
  const found = useLoad(() => users.getUser({ id }), [id]);
  const person = found.value;
  // The title has no name: browsers keep the titles of pages.
  return (
    <DeskPage title={customer.title(shortId(id))}>
      {found.error !== undefined && <Problem error={found.error} retry={found.reload} />}
      {!person && found.error === undefined && <Loading />}
      {person && (
        <div class="split">
          <div class="stack">
            <Account person={person} />
            <Credit customerId={person.id} />
          </div>
          <div class="stack">
            <Suspension person={person} changed={found.reload} />
            <Orders customerId={person.id} />
          </div>
        </div>
      )}
    </DeskPage>
  );
}

function Account({ person }: { person: User }) {
  const { customer } = d.value;
  const { createdAt, lastLogin, profile, pendingEmail } = person;
  return (
    <section class="panel">
      <h2>{nameOf(person)}</h2>
      <p>
        <AccountBadge status={person.accountStatus} />
      </p>
      <dl class="facts">
        <Fact name={customer.email}>
          {person.email} <span class="muted">{person.emailVerified ? customer.verified : customer.unverified}</span>
        </Fact>
        {pendingEmail && <Fact name={customer.pendingEmail}>{pendingEmail}</Fact>}
        {createdAt && (
          <Fact name={customer.created}>
            <When at={timestampDate(createdAt)} />
          </Fact>
        )}
        <Fact name={customer.lastLogin}>{lastLogin ? <When at={timestampDate(lastLogin)} /> : customer.never}</Fact>
        {profile?.phone && <Fact name={customer.phone}>{profile.phone}</Fact>}
        {profile?.dateOfBirth && <Fact name={customer.birthday}>{profile.dateOfBirth}</Fact>}
        {profile?.address && <Address address={profile.address} />}
        <Fact name={customer.id}>
          <code>{person.id}</code>
        </Fact>
      </dl>
    </section>
  );
}

function Address({ address }: { address: NonNullable<NonNullable<User["profile"]>["address"]> }) {
  const { street, zipCode, city, state, country } = address;
  const lines = [street, [zipCode, city, state].filter(Boolean).join(" "), country && countryName(country)];
  const known = lines.filter(Boolean);
  if (known.length === 0) return null;
  return <Fact name={d.value.customer.address}>{known.join(", ")}</Fact>;
}

function Orders({ customerId }: { customerId: string }) {
  const { customer } = d.value;
  const pages = usePages(
    async (pageToken) => {
      const page = await orders.listOrders({ userId: customerId, pageToken });
      return { items: page.orders, next: page.nextPageToken };
    },
    [customerId],
  );
  return (
    <section class="panel">
      <h2>{customer.orders}</h2>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items?.length === 0 && <p>{customer.noOrders}</p>}
      <ul class="rows">
        {pages.items?.map((order) => (
          <Row key={order.id} order={order} />
        ))}
      </ul>
      <More pages={pages} />
    </section>
  );
}

function Row({ order }: { order: Order }) {
  return (
    <li class="row">
      <div>
        <a href={`/desk/orders/${order.id}`}>{t.value.order.title(shortId(order.id))}</a>
        {order.createdAt && (
          <span class="muted">
            <When at={timestampDate(order.createdAt)} />
          </span>
        )}
      </div>
      <span class={`badge ${order.status}`}>{statusText(order.status)}</span>
      <Money amount={order.totalAmount} currency={order.currency} />
    </li>
  );
}
