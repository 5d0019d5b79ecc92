/** The desk of the staff: loaded when it is visited, so that customers do not load it. */

import { Router, type Routes } from "../router";
import NotFound from "../pages/not_found";
import { isStaff } from "../session";
import { DeadEnd } from "../ui/parts";
import { Private } from "../ui/private";
import Orders from "./orders";
import { d } from "./texts";

const ROUTES: Routes = [
  ["/desk", () => Promise.resolve({ default: Orders })],
  ["/desk/orders", () => Promise.resolve({ default: Orders })],
];

export default function Desk() {
  return (
    <Private>
      {() => (isStaff.value ? <Router routes={ROUTES} missing={NotFound} /> : <NotAllowed />)}
    </Private>
  );
}

function NotAllowed() {
  const { notAllowed } = d.value;
  return <DeadEnd title={notAllowed.title} lead={notAllowed.text} />;
}
