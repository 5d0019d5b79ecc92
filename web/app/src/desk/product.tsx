/** A product, its stock, and what moved the stock. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import { useState } from "preact/hooks";
import type { Product, StockMove } from "../gen/argosy/inventory/v1/product_pb";
import { shortId } from "../order_texts";
import { insist } from "../patience";
import type { Params } from "../router";
import { products } from "../rpc";
import { userId } from "../session";
import { t } from "../texts";
import { Field, FormProblem } from "../ui/fields";
import { type Pages, useForm, useLoad, usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { Loading, Notice, Problem, Submit, when } from "../ui/parts";
import { Fact } from "./facts";
import { DeskPage } from "./frame";
import { useIntention } from "./once";
import { ProductFields, productOf } from "./product_fields";
import { d } from "./texts";
import { Waiting } from "./waiting";

export default function ProductPage({ params }: { params: Params }) {
  const id = params["id"] ?? "";
  const found = useLoad(() => products.getProduct({ id }), [id]);
  const moves = usePages(
    async (pageToken) => {
      const page = await products.listStockMoves({ id, pageToken });
      return { items: page.stockMoves, next: page.nextPageToken };
    },
    [id],
  );
  const product = found.value;
  return (
    <DeskPage title={product?.name ?? id} lead={product && <a href={`/products/${id}`}>{d.value.product.inShop}</a>}>
      {found.error !== undefined && <Problem error={found.error} retry={found.reload} />}
      {!product && found.error === undefined && <Loading />}
      {product && (
        <>
          <Stock id={id} moves={moves} />
          <Details product={product} changed={found.reload} />
          <Moves moves={moves} />
        </>
      )}
    </DeskPage>
  );
}

function Details({ product, changed }: { product: Product; changed: () => void }) {
  const { product: texts, fields } = d.value;
  const { common } = t.value;
  const [saved, setSaved] = useState(false);
  const form = useForm(async (values) => {
    setSaved(false);
    await insist(() => products.updateProduct({ id: product.id, ...productOf(values) }), () => undefined);
    setSaved(true);
    changed();
  }, fields);
  return (
    <form {...form.form} class="panel fields">
      <h2>{texts.details}</h2>
      <ProductFields form={form} value={product} />
      <FormProblem form={form} />
      {saved && (
        <Notice tone="good">
          <p>{common.saved}</p>
        </Notice>
      )}
      <div class="buttons">
        <Submit busy={form.busy} label={common.save} />
      </div>
    </form>
  );
}

interface Adjustment {
  id: string;
  delta: number;
  reason?: string;
}

function Stock({ id, moves }: { id: string; moves: Pages<StockMove> }) {
  const { stock: texts, fields } = d.value;
  const [made, setMade] = useState<StockMove>();
  const [round, setRound] = useState(0);
  const latest = moves.items?.[0];
  const intention = useIntention<Adjustment, StockMove>(
    `stock.${id}`,
    userId.value ?? "",
    (request, options) => products.adjustStock(request, options),
    (move) => {
      setMade(move);
      setRound((before) => before + 1);
      moves.reload();
    },
  );
  const form = useForm(async ({ delta = "", reason }) => {
    setMade(undefined);
    await intention.carryOut(() => ({ id, delta: Number(delta), ...(reason ? { reason } : {}) }));
  }, fields);
  return (
    <section class="panel">
      <h2>{texts.title}</h2>
      {latest && (
        <dl class="facts">
          <Fact name={texts.onHand}>{latest.onHand}</Fact>
          <Fact name={texts.held}>{latest.held}</Fact>
          <Fact name={texts.available}>{latest.available}</Fact>
        </dl>
      )}
      {intention.error !== undefined && <Problem error={intention.error} />}
      {made && (
        <Notice tone="good">
          <p>{texts.made(signed(made.delta), made.available)}</p>
        </Notice>
      )}
      {/* A new form after each move: an empty one moves nothing. */}
      <form {...form.form} key={round} class="fields">
        <div class="columns">
          <Field form={form} name="delta" label={texts.delta} hint={texts.deltaText} inputMode="text" pattern="[+\-]?0*[1-9]\d{0,8}" required />
          <Field form={form} name="reason" label={texts.reason} maxLength={200} />
        </div>
        <FormProblem form={form} />
        <Waiting intention={intention} />
        <div class="buttons">
          <Submit busy={form.busy || intention.resuming} label={texts.submit} />
        </div>
      </form>
    </section>
  );
}

function signed(count: number): string {
  return count > 0 ? `+${count}` : String(count).replace("-", "−");
}

function Moves({ moves }: { moves: Pages<StockMove> }) {
  const { moves: texts } = d.value;
  return (
    <section class="panel">
      <h2>{texts.title}</h2>
      {moves.error !== undefined && <Problem error={moves.error} retry={moves.reload} />}
      {!moves.items && moves.error === undefined && <Loading />}
      {moves.items?.length === 0 && <p>{texts.none}</p>}
      {moves.items && moves.items.length > 0 && (
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.move}</th>
              <th scope="col" class="number">
                {texts.onHand}
              </th>
              <th scope="col" class="number">
                {texts.held}
              </th>
              <th scope="col" class="number wide">
                {texts.available}
              </th>
            </tr>
          </thead>
          <tbody>
            {moves.items.map((move) => (
              <Move key={move.id} move={move} />
            ))}
          </tbody>
        </table>
      )}
      <More pages={moves} />
    </section>
  );
}

function Move({ move }: { move: StockMove }) {
  const { moves: texts } = d.value;
  const kinds: Readonly<Record<string, string>> = texts.kinds;
  return (
    <tr>
      <td>
        {kinds[move.kind] ?? move.kind}
        {move.orderId && (
          <>
            {" · "}
            <a href={`/desk/orders/${move.orderId}`}>{t.value.order.title(shortId(move.orderId))}</a>
          </>
        )}
        {move.reason && `: ${move.reason}`}
        {move.movedAt && <span class="muted">{when(timestampDate(move.movedAt))}</span>}
      </td>
      <td class="number">{signed(move.delta)}</td>
      <td class="number">{signed(move.heldDelta)}</td>
      <td class="number wide">{move.available}</td>
    </tr>
  );
}
