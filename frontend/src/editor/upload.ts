/** One file on its way to the shop: a single streaming PUT with progress, which can be stopped and tried again. */
import { OFFLINE, Problem, problemFrom } from "../parts/http";
import type { Draft, Slot } from "./draft";

export interface Upload {
  /** The draft with the file in it; rejects with a `Problem`, whose code is `STOPPED` when the customer stopped it. */
  done: Promise<Draft>;
  stop: () => void;
}

export function upload(
  draftUrl: string,
  slot: Slot,
  file: Blob,
  name: string,
  onProgress: (sent: number, total: number) => void,
): Upload {
  const request = new XMLHttpRequest();
  const done = new Promise<Draft>((resolve, reject) => {
    request.open("PUT", `${draftUrl}/files/${slot}?name=${encodeURIComponent(name)}`);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => onProgress(event.loaded, event.lengthComputable ? event.total : file.size);
    request.upload.onload = () => onProgress(file.size, file.size);
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) resolve(JSON.parse(request.responseText) as Draft);
      else reject(problemFrom(request.status, request.responseText));
    };
    request.onerror = () => reject(new Problem(0, "OFFLINE", OFFLINE));
    request.onabort = () => reject(new Problem(0, "STOPPED", "Stopped. Nothing was kept."));
    request.send(file);
  });
  return { done, stop: () => request.abort() };
}
