/** Dead letters: events that a service could not handle. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DeadLetter, ListDeadLettersResponse } from "../gen/argosy/deadletter/v1/dead_letter_pb";
import { insist } from "../patience";
import { orders, payments, products } from "../rpc";
import { useAction, usePages } from "../ui/hooks";
import { More } from "../ui/more";
import { announce, Loading, Problem, When } from "../ui/parts";
import { DeskPage } from "./frame";
import { messageLetters } from "./notification";
import { d } from "./texts";

interface Box {
  list: (request: { pageToken: string }) => Promise<ListDeadLettersResponse>;
  redrive: (request: { id: string }) => Promise<unknown>;
}

/** Service → its dead letters. */
const SERVICES: readonly (readonly [service: string, box: Box])[] = [
  ["order", { list: (request) => orders.listOrderDeadLetters(request), redrive: (request) => orders.redriveOrderDeadLetter(request) }],
  ["payment", { list: (request) => payments.listPaymentDeadLetters(request), redrive: (request) => payments.redrivePaymentDeadLetter(request) }],
  ["inventory", { list: (request) => products.listStockDeadLetters(request), redrive: (request) => products.redriveStockDeadLetter(request) }],
  ["notification", messageLetters],
];

export default function Letters() {
  const { letters } = d.value;
  return (
    <DeskPage title={letters.title} lead={letters.lead}>
      {SERVICES.map(([service, box]) => (
        <OfService key={service} service={service} box={box} />
      ))}
    </DeskPage>
  );
}

/** Each service by itself: one that does not answer hides no other. */
function OfService({ service, box }: { service: string; box: Box }) {
  const { letters, drifts } = d.value;
  const names: Readonly<Record<string, string>> = drifts.services;
  const pages = usePages(async (pageToken) => {
    const page = await box.list({ pageToken });
    return { items: page.letters, next: page.nextPageToken };
  }, []);
  return (
    <section class="panel" aria-label={names[service] ?? service}>
      <h2>{names[service] ?? service}</h2>
      {pages.error !== undefined && <Problem error={pages.error} retry={pages.reload} />}
      {!pages.items && pages.error === undefined && <Loading />}
      {pages.items?.length === 0 && <p class="muted">{letters.none}</p>}
      <ul class="rows">
        {pages.items?.map((letter) => (
          <Row key={letter.id} letter={letter} box={box} gone={pages.reload} />
        ))}
      </ul>
      <More pages={pages} />
    </section>
  );
}

function Row({ letter, box, gone }: { letter: DeadLetter; box: Box; gone: () => void }) {
  const { letters, mails } = d.value;
  const redriving = useAction(async () => {
    await insist(() => box.redrive({ id: letter.id }), () => undefined);
    announce(letters.handled);
    gone();
  });
  return (
    <li class="row">
      <div>
        <strong>{letter.type || letters.unknownType}</strong>
        <span>{letter.subject}</span>
        <span class="muted">
          {letter.deadSince && <When at={timestampDate(letter.deadSince)} />} · {mails.attempts(letter.attempts)} · {letter.error}
        </span>
        {!letter.redrivable && <span class="muted">{letters.lasting}</span>}
        {redriving.error !== undefined && <Problem error={redriving.error} />}
      </div>
      {letter.redrivable && (
        <button
          type="button"
          class="button secondary"
          aria-label={letters.redriveOf(letter.type, letter.subject)}
          aria-disabled={redriving.busy}
          onClick={() => redriving.run()}
        >
          {letters.redrive}
        </button>
      )}
    </li>
  );
}
