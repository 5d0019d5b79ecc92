import { t } from "../texts";
import { Page } from "../ui/parts";

export default function NotFound() {
  return (
    <Page title={t.value.notFound.title} lead={t.value.notFound.text} narrow>
      <p>
        <a class="button" href="/">
          {t.value.common.back}
        </a>
      </p>
    </Page>
  );
}
