// Writes dist/: index.html and, in dist/assets, everything that it loads, named by content.
import { build } from "esbuild";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";

await rm("dist", { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: ["src/main.ts", "src/main.css"],
  outdir: "dist/assets",
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  minify: true,
  metafile: true,
});
const built = Object.entries(metafile.outputs);
const page = (await readFile("src/index.html", "utf8")).replace(/main\.(ts|css)/g, (entry) => {
  const [path] = built.find(([, { entryPoint }]) => entryPoint === `src/${entry}`);
  return `/assets/${basename(path)}`;
});
await mkdir("dist", { recursive: true });
await writeFile("dist/index.html", page);
