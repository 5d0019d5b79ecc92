/** The frame of the desk's pages. */

import type { ComponentChildren } from "preact";
import { Page } from "../ui/parts";
import { Sections } from "../ui/sections";
import { d } from "./texts";

/** Orders that wait for the staff: paid and shipped ones. */
export const TO_LOOK_AFTER = "/desk/orders?status=confirmed&status=shipped";

export function DeskPage({ title, lead, children }: DeskPageProps) {
  const { desk } = d.value;
  const links = [
    [TO_LOOK_AFTER, desk.orders],
    ["/desk/products", desk.products],
    ["/desk/customers", desk.customers],
    ["/desk/mails", desk.mails],
    ["/desk/letters", desk.letters],
    ["/desk/drifts", desk.drifts],
  ] as const;
  return (
    <Page title={title} lead={lead}>
      <div class="account">
        <Sections label={desk.sections} links={links} />
        <div class="stack">{children}</div>
      </div>
    </Page>
  );
}

interface DeskPageProps {
  title: string;
  lead?: ComponentChildren;
  children: ComponentChildren;
}
