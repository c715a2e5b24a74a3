// Puts the faces that posters are set in where the posters product reads them, each checked against the
// hash pinned in poster-fonts.json. `node poster-fonts.mjs --pin` rewrites the hashes after an upgrade.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const listFile = join(here, "poster-fonts.json");
const destination = join(here, "..", "src", "makegood", "products", "posters", "fonts");
const packageFolder = (name) => join(here, "node_modules", "@expo-google-fonts", name);
const digest = (data) => createHash("sha256").update(data).digest("hex");

function pin(list) {
  for (const family of list) {
    for (const face of family.faces) {
      face.sha256 = digest(readFileSync(join(packageFolder(family.package), face.source)));
    }
  }
  const faceLine = /\{\n\s+"source": (.*),\n\s+"weight": (.*),\n\s+"style": (.*),\n\s+"sha256": (.*)\n\s+\}/g;
  const oneFaceALine = '{ "source": $1, "weight": $2, "style": $3, "sha256": $4 }';
  writeFileSync(listFile, JSON.stringify(list, null, 2).replace(faceLine, oneFaceALine) + "\n");
}

/** What fonts.json says of a face: its file beside it, how a layout asks for it, its hash and licence. */
function indexEntry(family, face) {
  return { file: basename(face.source), family: family.family, weight: face.weight, style: face.style,
    sha256: face.sha256, licence: family.licence, licence_file: `licences/${family.package}.txt` };
}

function indexText(list) {
  const entries = list.flatMap((family) => family.faces.map((face) => indexEntry(family, face)));
  return JSON.stringify(entries, null, 1) + "\n";
}

function isInPlace(list) {
  const index = join(destination, "fonts.json");
  if (!existsSync(index) || readFileSync(index, "utf8") !== indexText(list)) return false;
  const present = new Set(readdirSync(destination));
  return list.every((family) => family.faces.every((face) => present.has(basename(face.source))));
}

function copyFace(family, face) {
  const source = join(packageFolder(family.package), face.source);
  const found = digest(readFileSync(source));
  if (found !== face.sha256) {
    throw new Error(`${source} has sha256 ${found}; poster-fonts.json pins ${face.sha256}`);
  }
  copyFileSync(source, join(destination, basename(face.source)));
}

/**
 * Makes the destination hold exactly the listed faces and their licences, and returns how many were copied: none
 * when all are there. fonts.json is written last, so that its presence means "complete".
 */
export function placePosterFonts() {
  const list = JSON.parse(readFileSync(listFile, "utf8"));
  if (isInPlace(list)) return 0;
  rmSync(destination, { recursive: true, force: true });
  mkdirSync(join(destination, "licences"), { recursive: true });
  for (const family of list) {
    const licence = join(packageFolder(family.package), "LICENSE_FONT");
    copyFileSync(licence, join(destination, "licences", `${family.package}.txt`));
    for (const face of family.faces) copyFace(family, face);
  }
  writeFileSync(join(destination, "fonts.json"), indexText(list));
  return list.reduce((sum, family) => sum + family.faces.length, 0);
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv.includes("--pin")) {
  pin(JSON.parse(readFileSync(listFile, "utf8")));
}
