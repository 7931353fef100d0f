import { isDeepStrictEqual } from "node:util";

/**
 * Requests that are being answered. The same one that comes again meanwhile (a network that says things twice, a caller
 * that tries again) gets the answer of the first: whichever answer arrives, it holds what was granted.
 */
export class UnderWay<Body, Reply> {
  readonly #requests = new Map<string, { readonly body: Body; readonly reply: Promise<Reply> }>();

  /** @param key names the caller and its request; another body under the same key is another request */
  async join(key: string, body: Body, answer: () => Promise<Reply>): Promise<Reply> {
    const first = this.#requests.get(key);
    if (first !== undefined && isDeepStrictEqual(first.body, body)) return first.reply;
    const own = { body, reply: answer() };
    this.#requests.set(key, own);
    try {
      return await own.reply;
    } finally {
      if (this.#requests.get(key) === own) this.#requests.delete(key);
    }
  }
}
