/**
 * Seeded randomness: sfc32 (Doty-Humphrey, PractRand), seeded through the fractional hash of a text, so that streams
 * forked under different names have nothing in common and a change in one part of the world leaves the others alone.
 */
export class Dice {
  readonly #seed: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: string) {
    this.#seed = seed;
    const mix = hash(seed);
    this.#a = mix();
    this.#b = mix();
    this.#c = mix();
    this.#d = 1;
    for (let i = 0; i < 12; i++) this.next();
  }

  /** A stream of its own. */
  fork(name: string): Dice {
    return new Dice(`${this.#seed}/${name}`);
  }

  /** 0 … 2^32 - 1 */
  next(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** 0 ≤ x < 1 */
  float(): number {
    return this.next() / 4_294_967_296;
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** Both ends belong to it. */
  int(from: number, to: number): number {
    return from + Math.floor(this.float() * (to - from + 1));
  }

  between(from: number, to: number): number {
    return from + this.float() * (to - from);
  }

  /** Exponential: many short, a few long, none beyond 10 means. */
  around(mean: number): number {
    return Math.min(-Math.log(1 - this.float()), 10) * mean;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined) throw new RangeError("nothing to pick from");
    return item;
  }

  bytes(count: number): Uint8Array {
    const out = new Uint8Array(count);
    for (let i = 0; i < count; i++) out[i] = this.next() >>> 24;
    return out;
  }
}

/** xmur3 (Bryc): an endless supply of 32-bit words from a text. */
function hash(text: string): () => number {
  let h = 1_779_033_703 ^ text.length;
  for (let i = 0; i < text.length; i++) {
    h = Math.imul(h ^ text.charCodeAt(i), 3_432_918_353);
    h = (h << 13) | (h >>> 19);
  }
  return () => {
    h = Math.imul(h ^ (h >>> 16), 2_246_822_507);
    h = Math.imul(h ^ (h >>> 13), 3_266_489_909);
    h ^= h >>> 16;
    return h >>> 0;
  };
}
