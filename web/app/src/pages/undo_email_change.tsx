import { useState } from "preact/hooks";
import { users } from "../rpc";
import { end } from "../session";
import { t } from "../texts";
import { useAction } from "../ui/hooks";
import { Notice, Page, Problem } from "../ui/parts";
import { useToken } from "../ui/token";

export default function UndoEmailChange() {
  const { undo, reset } = t.value;
  const token = useToken();
  const [done, setDone] = useState(false);
  const undoing = useAction(async () => {
    await users.undoEmailChange({ token });
    end(false);
    setDone(true);
  });
  return (
    <Page title={undo.title} lead={undo.lead} narrow>
      {undoing.error !== undefined && <Problem error={undoing.error} />}
      {done || !token ? (
        <Notice tone={done ? "good" : "bad"}>
          <p>{done ? undo.done : reset.noToken}</p>
        </Notice>
      ) : (
        <div class="buttons">
          <button type="button" class="button primary" aria-disabled={undoing.busy} onClick={() => undoing.run()}>
            {undo.submit}
          </button>
        </div>
      )}
    </Page>
  );
}
