/** Dead letters: events that a service could not handle. */

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { DeadLetter, ListDeadLettersResponse } from "../gen/argosy/deadletter/v1/dead_letter_pb";
import { insist } from "../patience";
import { orders, payments, products } from "../rpc";
import { useAction } from "../ui/hooks";
import { announce, Problem, When } from "../ui/parts";
import { ByService } from "./by_service";
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
        <ByService
          key={service}
          service={service}
          read={async (pageToken) => {
            const page = await box.list({ pageToken });
            return { items: page.letters, next: page.nextPageToken };
          }}
          none={letters.none}
          row={(letter, reload) => <Row key={letter.id} letter={letter} box={box} gone={reload} />}
        />
      ))}
    </DeskPage>
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
