/** The outline of a recording as the shop keeps it: 24 bytes of header, then lowest and highest of each 1/100 s. */
import { fetchOk } from "../parts/http";

const MARK = 0x4d47504b;
const HEADER = 24;
const FULL = 32768;
/** More than a canvas can show; a longer outline is thinned to this many values. */
const ENOUGH = 4000;

export function readPeaks(data: ArrayBuffer): number[] {
  const view = new DataView(data);
  if (data.byteLength < HEADER || view.getUint32(0) !== MARK) throw new Error("These are not peaks.");
  const count = Math.floor((data.byteLength - HEADER) / 6);
  const lowest = new DataView(data, HEADER, count * 2);
  const highest = new DataView(data, HEADER + count * 2, count * 2);
  const kept = Math.min(count, ENOUGH);
  const found = new Array<number>(kept).fill(0);
  for (let at = 0; at < count; at += 1) {
    const swing = (highest.getInt16(at * 2, true) - lowest.getInt16(at * 2, true)) / (2 * FULL);
    const place = Math.floor((at / count) * kept);
    if (swing > (found[place] ?? 0)) found[place] = swing;
  }
  return found;
}

export async function fetchPeaks(url: string): Promise<number[]> {
  const response = await fetchOk("GET", url, { headers: { Accept: "*/*" } });
  return readPeaks(await response.arrayBuffer());
}
