/** The frame of the desk's pages. */

import type { ComponentChildren } from "preact";
import { Page } from "../ui/parts";
import { Sections } from "../ui/sections";
import { d } from "./texts";

export function DeskPage({ title, lead, children }: DeskPageProps) {
  const { desk } = d.value;
  const links = [["/desk/orders", desk.orders]] as const;
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
