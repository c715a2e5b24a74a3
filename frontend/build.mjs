// Bundles the top-level files of src/ into src/makegood/pages/static/dist under hashed names, with a manifest
// that maps each source name to what a page must load:
//   {"poster.ts": {"file": "poster-AB12CD34.js", "css": null, "imports": ["shared/chunk-….js"]}, "site.css": {…}}
// and puts what the posters product takes from packages, its typefaces and face detector, in place. Nothing is done where no input has changed.
import { build } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { placeFaceDetector } from "./face-detector.mjs";
import { placePosterFonts } from "./poster-fonts.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const source = join(here, "src");
const output = join(here, "..", "src", "makegood", "pages", "static", "dist");
const stampFile = join(output, ".stamp");

function filesUnder(folder) {
  return globSync("**/*", { cwd: folder }).map((name) => join(folder, name)).filter((path) => statSync(path).isFile());
}

function inputStamp() {
  const names = ["package-lock.json", "build.mjs", "tsconfig.json"];
  const paths = [...names.map((name) => join(here, name)), ...filesUnder(source)].sort();
  const hash = createHash("sha256");
  for (const path of paths) hash.update(relative(here, path)).update("\0").update(readFileSync(path));
  return hash.digest("hex");
}

/** A stylesheet beside a script of the same name belongs to that script and is no entry of its own. */
function entryPoints() {
  const scripts = globSync("*.ts", { cwd: source }).filter((name) => !name.endsWith(".d.ts"));
  const owned = new Set(scripts.map((name) => name.replace(/\.ts$/, ".css")));
  const styles = globSync("*.css", { cwd: source }).filter((name) => !owned.has(name));
  return [...scripts, ...styles].sort().map((name) => join(source, name));
}

function manifestOf(outputs) {
  const fromOutput = (path) => relative(output, join(here, path));
  const manifest = {};
  for (const [path, made] of Object.entries(outputs)) {
    if (!made.entryPoint) continue;
    manifest[relative(source, join(here, made.entryPoint))] = {
      file: fromOutput(path),
      css: made.cssBundle ? fromOutput(made.cssBundle) : null,
      imports: made.imports.filter((each) => each.kind === "import-statement").map((each) => fromOutput(each.path)),
    };
  }
  return manifest;
}

async function bundle() {
  const result = await build({
    absWorkingDir: here, entryPoints: entryPoints(), outdir: output,
    bundle: true, minify: true, splitting: true, metafile: true, legalComments: "linked",
    format: "esm", target: ["es2022", "chrome111", "firefox115", "safari16.4"],
    entryNames: "[name]-[hash]", chunkNames: "shared/[name]-[hash]", assetNames: "files/[name]-[hash]",
    loader: { ".woff2": "file", ".svg": "file" }, external: ["/static/*"], logLevel: "warning",
  });
  return manifestOf(result.metafile.outputs);
}

const started = performance.now();
const faces = placePosterFonts();
if (faces > 0) console.log(`frontend: ${faces} poster faces copied`);
if (placeFaceDetector()) console.log("frontend: face detector copied");
const stamp = inputStamp();
if (existsSync(stampFile) && readFileSync(stampFile, "utf8") === stamp) {
  console.log("frontend: up to date");
} else {
  rmSync(output, { recursive: true, force: true });
  mkdirSync(output, { recursive: true });
  const manifest = await bundle();
  writeFileSync(join(output, "manifest.json"), JSON.stringify(manifest, null, 1) + "\n");
  writeFileSync(stampFile, stamp);
  for (const [name, { file }] of Object.entries(manifest)) {
    const packed = gzipSync(readFileSync(join(output, file)), { level: 9 }).length;
    console.log(`frontend: ${name.padEnd(20)} ${(packed / 1000).toFixed(1).padStart(6)} kB gzipped`);
  }
  console.log(`frontend: built in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}
