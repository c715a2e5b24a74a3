/** Draws a recording's peaks on a canvas, sharp on every screen, in the colours of the page. */

/** `count` values 0..1 out of `peaks`, each the loudest of its share, scaled so that the loudest is 1. */
export function bars(peaks: readonly number[], count: number): number[] {
  if (!peaks.length || count <= 0) return [];
  const share = peaks.length / count;
  const found = Array.from({ length: count }, (_, index) => {
    const from = Math.floor(index * share);
    const to = Math.max(from + 1, Math.floor((index + 1) * share));
    let loudest = 0;
    for (let at = from; at < to && at < peaks.length; at += 1) loudest = Math.max(loudest, Math.abs(peaks[at] ?? 0));
    return loudest;
  });
  const top = Math.max(...found, 1e-6);
  return found.map((value) => value / top);
}

export interface WaveLook {
  /** The part that is drawn strongly, as shares 0..1 of the width. */
  from: number;
  to: number;
  strong: string;
  faint: string;
  barWidth: number;
  gap: number;
}

export function drawWave(canvas: HTMLCanvasElement, peaks: readonly number[], look: WaveLook): void {
  const ratio = Math.min(window.devicePixelRatio || 1, 3);
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  const pitch = look.barWidth + look.gap;
  const count = Math.max(1, Math.floor((width + look.gap) / pitch));
  const values = bars(peaks, count);
  const step = width / count;
  values.forEach((value, index) => {
    const middle = (index + 0.5) * step;
    const share = middle / width;
    const tall = Math.max(look.barWidth, value * (height - 4));
    pen.fillStyle = share >= look.from && share <= look.to ? look.strong : look.faint;
    pen.beginPath();
    pen.roundRect(middle - look.barWidth / 2, (height - tall) / 2, look.barWidth, tall, look.barWidth / 2);
    pen.fill();
  });
}

/** The page's own colour by token name, e.g. `--accent`. */
export function token(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Runs `draw` now, whenever the canvas changes size, and when light turns to dark. */
export function keepDrawn(canvas: HTMLCanvasElement, draw: () => void): void {
  new ResizeObserver(draw).observe(canvas);
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
}
