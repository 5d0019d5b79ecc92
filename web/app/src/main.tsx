import { render } from "preact";
import { App } from "./app";
import { startRouter } from "./router";
import { startLanguage } from "./texts";

const NOT_OURS = /^\/(api|docs|assets|openapi\.json|asyncapi\.json|\.well-known)(\/|$)/;

startRouter((path) => !NOT_OURS.test(path));
await startLanguage();
render(<App />, document.querySelector("#app") as HTMLElement);
