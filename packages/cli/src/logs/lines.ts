/** Cuts bytes into lines. A character may lie across two portions, so lines are cut first and decoded then. */
export class LineCutter {
  #rest: Buffer[] = [];

  *push(portion: Buffer): Generator<string> {
    let from = 0;
    for (let at = portion.indexOf(10); at >= 0; at = portion.indexOf(10, from)) {
      yield this.#take(portion.subarray(from, at));
      from = at + 1;
    }
    if (from < portion.length) this.#rest.push(portion.subarray(from));
  }

  /** What stands after the last line end, if anything does. */
  *end(): Generator<string> {
    if (this.#rest.length > 0) yield this.#take(Buffer.alloc(0));
  }

  #take(last: Buffer): string {
    const bytes = this.#rest.length === 0 ? last : Buffer.concat([...this.#rest, last]);
    this.#rest = [];
    return bytes.toString("utf8").replace(/\r$/, "");
  }
}
