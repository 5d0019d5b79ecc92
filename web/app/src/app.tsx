/** The frame of all pages, and the table of routes. */

import type { ComponentChildren } from "preact";
import { pieces } from "./basket";
import Catalog from "./pages/catalog";
import NotFound from "./pages/not_found";
import { place, Router, type Routes } from "./router";
import { unreachable } from "./rpc";
import { isStaff, userId } from "./session";
import { chooseLanguage, isLanguage, language, LANGUAGES, t } from "./texts";
import { Announcer } from "./ui/parts";

const ROUTES: Routes = [
  ["/", () => Promise.resolve({ default: Catalog })],
  ["/products/:id", () => import("./pages/product")],
  ["/basket", () => import("./pages/basket")],
  ["/checkout/:currency", () => import("./pages/checkout")],
  ["/orders", () => import("./pages/orders")],
  ["/orders/:id", () => import("./pages/order")],
  ["/payment/return", () => import("./pages/payment_return")],
  ["/sign-in", () => import("./pages/sign_in")],
  ["/sign-up", () => import("./pages/sign_up")],
  ["/forgot-password", () => import("./pages/forgot_password")],
  ["/reset-password", () => import("./pages/reset_password")],
  ["/verify-email", () => import("./pages/verify_email")],
  ["/undo-email-change", () => import("./pages/undo_email_change")],
  ["/account", () => import("./pages/profile")],
  ["/account/security", () => import("./pages/security")],
  ["/account/messages", () => import("./pages/messages")],
  ["/account/credit", () => import("./pages/credit")],
  ["/desk/*", () => import("./desk")],
];

export function App() {
  return (
    <>
      <a class="skip" href="#main">
        {t.value.shop.skip}
      </a>
      <Header />
      <main id="main" tabIndex={-1}>
        <Offline />
        <Router routes={ROUTES} missing={NotFound} />
      </main>
      <Footer />
      <Announcer />
    </>
  );
}

function Header() {
  const { shop } = t.value;
  const signedIn = userId.value !== undefined;
  return (
    <header class="shop-header">
      <a class="brand" href="/">
        <svg viewBox="0 0 32 32" aria-hidden="true" focusable="false">
          <path d="M16 3v17H6z" class="sail" />
          <path d="M18.5 8v12h7z" class="sail light" />
          <path d="M4 22h24l-3.5 6h-17z" class="hull" />
        </svg>
        {shop.name}
      </a>
      <nav aria-label={shop.navigation}>
        <NavLink to="/">{shop.catalog}</NavLink>
        {isStaff.value && <NavLink to="/desk">{shop.desk}</NavLink>}
        {signedIn && <NavLink to="/orders">{shop.orders}</NavLink>}
        {signedIn ? <NavLink to="/account">{shop.account}</NavLink> : <NavLink to="/sign-in">{shop.signIn}</NavLink>}
        <NavLink to="/basket">
          {shop.basket}
          {pieces.value > 0 && (
            <span class="count">
              {pieces.value}
              <span class="visually-hidden"> {shop.pieces(pieces.value)}</span>
            </span>
          )}
        </NavLink>
      </nav>
    </header>
  );
}

function NavLink({ to, children }: { to: string; children: ComponentChildren }) {
  const { path } = place.value;
  const current = to === "/" ? path === "/" : path === to || path.startsWith(`${to}/`);
  return (
    <a href={to} {...(current ? { "aria-current": "page" as const } : {})}>
      {children}
    </a>
  );
}

function Footer() {
  const { shop } = t.value;
  return (
    <footer class="shop-footer">
      <p>{shop.notice}</p>
      <p>
        <a href="/docs">{shop.documentation}</a>
      </p>
      <label>
        <span class="visually-hidden">{shop.languages}</span>
        <select
          value={language.value}
          onChange={({ currentTarget: { value } }) => isLanguage(value) && void chooseLanguage(value)}
        >
          {Object.entries(LANGUAGES).map(([code, name]) => (
            <option key={code} value={code} lang={code}>
              {name}
            </option>
          ))}
        </select>
      </label>
    </footer>
  );
}

function Offline() {
  return (
    <div role="status" class="offline">
      {unreachable.value && t.value.common.offline}
    </div>
  );
}
