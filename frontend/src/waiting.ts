/** A page that waits for something looks again after a while. */
import { need } from "./parts/dom";

const waiting = need("[data-again]");
window.setTimeout(() => window.location.reload(), Number(waiting.dataset["again"]));
