import { useEffect, useState } from "preact/hooks";
import { groups } from "../basket";
import { failureOf } from "../failures";
import { checkPrices } from "../prices";
import { openOrder, orderBasket } from "../purchase";
import { navigate, type Params } from "../router";
import { users } from "../rpc";
import { loadUser, user } from "../session";
import { t } from "../texts";
import { AddressFields, addressOf, type AddressValues, NO_ADDRESS } from "../ui/fields";
import { useAction, useForm, useLoad } from "../ui/hooks";
import { DeadEnd, Loading, Notice, Page, Problem, Submit } from "../ui/parts";
import { Private } from "../ui/private";
import { Summary } from "../ui/summary";

export default function Checkout({ params }: { params: Params }) {
  return <Private>{(userId) => <Known userId={userId} currency={params["currency"] ?? ""} />}</Private>;
}

function Known({ userId, currency }: { userId: string; currency: string }) {
  const { checkout } = t.value;
  const [begun] = useState(() => openOrder(currency, userId) !== undefined);
  const account = useLoad(() => loadUser(), [userId]);
  const [waiting, setWaiting] = useState(false);

  async function send(address: AddressValues | undefined): Promise<void> {
    try {
      const order = await orderBasket(currency, userId, address, () => setWaiting(true));
      navigate(order ? `/orders/${order.id}` : "/orders", { replace: true });
    } catch (error) {
      if (changedPrice(error)) await checkPrices();
      throw error;
    } finally {
      setWaiting(false);
    }
  }

  const resumed = useAction(() => send(undefined));
  useEffect(() => {
    if (begun) resumed.run();
  }, []);

  if (begun && (resumed.busy || resumed.error === undefined)) {
    return (
      <Page title={checkout.title} narrow>
        <Notice tone="info">
          <p>{checkout.resumed}</p>
        </Notice>
        <Loading />
      </Page>
    );
  }
  const group = groups.value.find((one) => one.currency === currency);
  if (!group) {
    return (
      <DeadEnd title={checkout.title} lead={checkout.nothing}>
        {resumed.error !== undefined && <Problem error={resumed.error} retry={() => resumed.run()} />}
      </DeadEnd>
    );
  }
  return (
    <Page title={checkout.title}>
      {resumed.error !== undefined && <Problem error={resumed.error} retry={() => resumed.run()} />}
      <div class="split">
        {account.value === undefined && account.error === undefined ? (
          <Loading />
        ) : (
          <AddressForm send={send} waiting={waiting} />
        )}
        <aside class="panel" aria-label={checkout.summary}>
          <h2>{checkout.summary}</h2>
          <Summary lines={group.lines} total={group.total} currency={currency} />
          <p class="muted">{checkout.payNext}</p>
          <p>
            <a href="/basket">{t.value.basket.title}</a>
          </p>
        </aside>
      </div>
    </Page>
  );
}

function AddressForm({ send, waiting }: { send: (address: AddressValues) => Promise<void>; waiting: boolean }) {
  const { checkout, common } = t.value;
  const known = user.value?.profile?.address;
  const form = useForm(async (values) => {
    const address = addressOf(values);
    if (values["remember"]) await remember(address);
    await send(address);
  });
  const changed = form.error !== undefined && changedPrice(form.error);
  return (
    <form {...form.form} class="panel fields">
      <h2>{checkout.address}</h2>
      <AddressFields form={form} value={{ ...NO_ADDRESS, ...known }} required />
      <label class="check">
        <input type="checkbox" name="remember" defaultChecked={!known?.street} />
        {checkout.remember}
      </label>
      {form.summary !== undefined && (
        <Notice tone="bad">
          <p>{changed ? checkout.changed : form.summary}</p>
          {needsBasket(form.error) && (
            <p>
              <a href="/basket">{t.value.basket.title}</a>
            </p>
          )}
        </Notice>
      )}
      {waiting && form.busy && (
        <Notice tone="info">
          <p>{common.repeating}</p>
        </Notice>
      )}
      <div class="buttons">
        <Submit busy={form.busy} label={checkout.place} busyLabel={checkout.placing} />
      </div>
    </form>
  );
}

/** Keep the address in the profile. It does not matter to the order if that fails. */
async function remember(address: AddressValues): Promise<void> {
  await users.updateUser({ id: "me", profile: { address } }).catch(() => undefined);
}

function changedPrice(error: unknown): boolean {
  return [...failureOf(error).fields.keys()].some((path) => path.endsWith(".price"));
}

function needsBasket(error: unknown): boolean {
  const { reason, fields } = failureOf(error);
  return ["OUT_OF_STOCK", "LINES_REFUSED"].includes(reason) || [...fields.keys()].some((path) => path.startsWith("items"));
}
