import { t } from "../texts";
import { DeadEnd } from "../ui/parts";

export default function NotFound() {
  return <DeadEnd title={t.value.notFound.title} lead={t.value.notFound.text} />;
}
