/** The desk of the staff: loaded when it is visited, so that customers do not load it. */

import { useEffect } from "preact/hooks";
import NotFound from "../pages/not_found";
import { navigate, Router, type Routes } from "../router";
import { isStaff } from "../session";
import { DeadEnd } from "../ui/parts";
import { Private } from "../ui/private";
import { TO_LOOK_AFTER } from "./frame";
import { d } from "./texts";

const ROUTES: Routes = [
  ["/desk", () => Promise.resolve({ default: Start })],
  ["/desk/orders", () => import("./orders")],
  ["/desk/orders/:id", () => import("./order")],
  ["/desk/products", () => import("./products")],
  ["/desk/products/:id", () => import("./product")],
  ["/desk/new-product", () => import("./new_product")],
  ["/desk/customers", () => import("./customers")],
  ["/desk/customers/:id", () => import("./customer")],
  ["/desk/mails", () => import("./mails")],
  ["/desk/letters", () => import("./letters")],
  ["/desk/drifts", () => import("./drifts")],
];

export default function Desk() {
  return (
    <Private>
      {() => (isStaff.value ? <Router routes={ROUTES} missing={NotFound} /> : <NotAllowed />)}
    </Private>
  );
}

function Start() {
  useEffect(() => navigate(TO_LOOK_AFTER, { replace: true }), []);
  return null;
}

function NotAllowed() {
  const { notAllowed } = d.value;
  return <DeadEnd title={notAllowed.title} lead={notAllowed.text} />;
}
