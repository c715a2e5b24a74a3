// Puts the weights of the face detector, which finds the focus of a photo, where the posters product reads them.
import { createHash } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const name = "face_detection_full_range.tflite";
const pinned = "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3";
const source = join(here, "node_modules", "@mediapipe", "face_detection", name);
const destination = join(here, "..", "src", "makegood", "products", "posters", "photo", "weights", name);

/** Makes the destination hold the pinned weights, and returns whether they had to be copied. */
export function placeFaceDetector() {
  if (existsSync(destination) && statSync(destination).size === statSync(source).size) return false;
  const found = createHash("sha256").update(readFileSync(source)).digest("hex");
  if (found !== pinned) throw new Error(`${source} has sha256 ${found}, not the pinned ${pinned}`);
  mkdirSync(dirname(destination), { recursive: true });
  copyFileSync(source, destination);
  chmodSync(destination, 0o644);
  return true;
}
