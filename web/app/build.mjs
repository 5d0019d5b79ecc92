// Builds dist/: index.html, which is never cached, and assets/, whose names are hashes of their content.
import { build } from "esbuild";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { brotliCompressSync } from "node:zlib";

const DIST = "dist";
const FIRST_LOAD_BYTES = 150_000;

await rm(DIST, { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: { main: "src/main.tsx", styles: "src/styles.css", icon: "src/icon.svg" },
  outdir: `${DIST}/assets`,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  metafile: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  loader: { ".svg": "copy" },
  logLevel: "warning",
});

const outputs = Object.entries(metafile.outputs).map(([path, output]) => ({ path, ...output }));
const made = (source) => {
  const found = outputs.find((output) => output.entryPoint === source || Object.keys(output.inputs).join() === source);
  return found.path;
};
const script = made("src/main.tsx");
const styles = made("src/styles.css");
const icon = made("src/icon.svg");
const chunks = staticImports(script);

const page = (await readFile("src/index.html", "utf8"))
  .replace("{{script}}", address(script))
  .replace("{{styles}}", address(styles))
  .replace("{{icon}}", address(icon))
  .replace("{{preloads}}", chunks.map((path) => `<link rel="modulepreload" href="${address(path)}">`).join("\n    "));
await mkdir(DIST, { recursive: true });
await writeFile(`${DIST}/index.html`, page);

let total = brotliCompressSync(page).length;
for (const path of [script, styles, icon, ...chunks]) total += brotliCompressSync(await readFile(path)).length;
console.log(`first load: ${(total / 1000).toFixed(1)} kB compressed`);
if (total > FIRST_LOAD_BYTES) throw new Error(`the first load is larger than ${FIRST_LOAD_BYTES} bytes`);

function address(path) {
  return path.replace(DIST, "");
}

function staticImports(path, found = new Set()) {
  for (const { path: imported, kind } of metafile.outputs[path].imports) {
    if (kind === "import-statement" && !found.has(imported)) {
      found.add(imported);
      staticImports(imported, found);
    }
  }
  return [...found];
}
