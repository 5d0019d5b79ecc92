// Bundles tests/*.test.ts and runs them by node's own test runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";

const OUT = "node_modules/.tests";
rmSync(OUT, { recursive: true, force: true });
const entryPoints = readdirSync("tests").filter((name) => name.endsWith(".test.ts")).map((name) => `tests/${name}`);
await build({ entryPoints, outdir: OUT, bundle: true, format: "esm", platform: "node", outExtension: { ".js": ".mjs" }, packages: "external", logLevel: "warning" });
const made = readdirSync(OUT).filter((name) => name.endsWith(".test.mjs")).map((name) => `${OUT}/${name}`);
process.exit(spawnSync(process.execPath, ["--test", ...made], { stdio: "inherit" }).status ?? 1);
