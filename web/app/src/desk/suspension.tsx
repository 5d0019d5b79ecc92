/** Whether a customer may sign in, and the buttons that change it. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { User } from "../gen/argosy/user/v1/user_pb";
import { insist } from "../patience";
import { users } from "../rpc";
import { userId } from "../session";
import { t } from "../texts";
import { useAction } from "../ui/hooks";
import { announce, Problem } from "../ui/parts";
import { d } from "./texts";

export function Suspension({ person, changed }: { person: User; changed: () => void }) {
  const { suspension } = d.value;
  if (person.accountStatus === "deleted") return null;
  return (
    <section class="panel">
      <h2>{suspension.title}</h2>
      {person.id === userId.value ? (
        <p>{suspension.own}</p>
      ) : person.accountStatus === "suspended" ? (
        <Suspended id={person.id} changed={changed} />
      ) : (
        <Active id={person.id} changed={changed} />
      )}
    </section>
  );
}

interface Props {
  id: string;
  changed: () => void;
}

function Suspended({ id, changed }: Props) {
  const { suspension } = d.value;
  const reinstating = useAction(async () => {
    await insist(() => users.reinstateUser({ id }), () => undefined);
    announce(suspension.reinstated);
    changed();
  });
  return (
    <>
      <p>{suspension.suspended}</p>
      {reinstating.error !== undefined && <Problem error={reinstating.error} />}
      <div class="buttons">
        <button type="button" class="button secondary" aria-disabled={reinstating.busy} onClick={() => reinstating.run()}>
          {suspension.reinstate}
        </button>
      </div>
    </>
  );
}

function Active({ id, changed }: Props) {
  const { suspension } = d.value;
  const [asking, setAsking] = useState(false);
  return (
    <>
      <p>{suspension.active}</p>
      {asking ? (
        <Question id={id} changed={changed} cancel={() => setAsking(false)} />
      ) : (
        <div class="buttons">
          <button type="button" class="button danger" onClick={() => setAsking(true)}>
            {suspension.suspend}
          </button>
        </div>
      )}
    </>
  );
}

/** What a suspension does, before it is done. */
function Question({ id, changed, cancel }: Props & { cancel: () => void }) {
  const { suspension } = d.value;
  const question = useRef<HTMLHeadingElement>(null);
  const suspending = useAction(async () => {
    await insist(() => users.suspendUser({ id }), () => undefined);
    announce(suspension.done);
    changed();
  });
  useEffect(() => question.current?.focus(), []);
  return (
    <>
      <h3 ref={question} tabIndex={-1}>
        {suspension.question}
      </h3>
      <ul class="points">
        <li>{suspension.sessionsEnd}</li>
        <li>{suspension.noSignIn}</li>
        <li>{suspension.dataStays}</li>
        <li>{suspension.undo}</li>
      </ul>
      {suspending.error !== undefined && <Problem error={suspending.error} />}
      <div class="buttons">
        <button type="button" class="button danger" aria-disabled={suspending.busy} onClick={() => suspending.run()}>
          {suspension.yes}
        </button>
        <button type="button" class="button secondary" onClick={cancel}>
          {t.value.common.cancel}
        </button>
      </div>
    </>
  );
}
