/** Speaks to the shop's API. Whatever goes wrong arrives as a `Problem` whose message may be shown to anyone. */

export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    /** The option or field that the problem is about, where the shop named one. */
    readonly field: string | null = null,
    /** The number of the order that it is about, where the shop named one. */
    readonly order: string | null = null,
  ) {
    super(detail);
  }

  /** Nothing was answered, or the shop was too busy: the same request may go through later. */
  get mayPass(): boolean {
    return this.status === 0 || this.status === 429 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

export const OFFLINE = "We can't reach the shop. Your work is safe; we go on as soon as the connection is back.";

export function problemFrom(status: number, text: string): Problem {
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === "object" && body !== null) {
      const { code, detail, title, option, field, order } = body as Record<string, unknown>;
      const sentence = [detail, title].find((each): each is string => typeof each === "string" && each !== "");
      const about = [option, field].find((each): each is string => typeof each === "string");
      const known = typeof code === "string" ? code : "UNKNOWN";
      return new Problem(status, known, sentence ?? fallback(status), about ?? null, typeof order === "string" ? order : null);
    }
  } catch {
    // Not JSON: an answer from something in between. The status says what there is to say.
  }
  return new Problem(status, "UNKNOWN", fallback(status));
}

function fallback(status: number): string {
  if (status === 413) return "That file is too big.";
  if (status === 429) return "That was a little fast. Please try again in a moment.";
  return "Something went wrong on our side. Nothing is lost; please try again.";
}

export interface CallOptions {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** The raw answer when it is a good one, else a `Problem`. An abort stays an `AbortError`. */
export async function fetchOk(method: string, url: string, options: CallOptions = {}): Promise<Response> {
  const init: RequestInit = { method, headers: { Accept: "application/json", ...options.headers } };
  if (options.signal) init.signal = options.signal;
  if (options.body !== undefined) {
    init.body = JSON.stringify(options.body);
    init.headers = { ...init.headers, "Content-Type": "application/json" };
  }
  let response: Response;
  try {
    response = await fetch(url, init);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new Problem(0, "OFFLINE", OFFLINE);
  }
  if (!response.ok) throw problemFrom(response.status, await response.text());
  return response;
}

export async function call<T>(method: string, url: string, options: CallOptions = {}): Promise<T> {
  const response = await fetchOk(method, url, options);
  return (await response.json()) as T;
}

export function sentence(error: unknown): string {
  return error instanceof Problem ? error.message : fallback(500);
}
