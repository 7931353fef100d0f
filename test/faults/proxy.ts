import { createServer, type Server, Socket } from "node:net";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** A network between an agent and its daemon, that a test can spoil. */
export class Proxy {
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #url = "";
  #is_cut = false;
  #held: { readonly over: Promise<void>; readonly end: () => void } | null = null;
  #delay_ms = 0;

  #target: URL | null = null;

  private constructor() {
    this.#server = createServer((near) => {
      const target = this.#target;
      if (this.#is_cut || target === null) return void near.destroy();
      const far = new Socket();
      const pair = [near, far] as const;
      this.#pairs.add(pair);
      for (const [from, to] of [pair, [far, near]] as const) {
        void this.#carry(from, to);
        from
          .on("error", () => {})
          .on("close", () => {
            to.destroy();
            this.#pairs.delete(pair);
          });
      }
      far.connect(Number(target.port), target.hostname);
    });
  }

  static async open(): Promise<Proxy> {
    const proxy = new Proxy();
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    proxy.#url = `http://127.0.0.1:${(proxy.#server.address() as { port: number }).port}`;
    return proxy;
  }

  leadTo(url: string): void {
    this.#target = new URL(url);
  }

  get url(): string {
    return this.#url;
  }

  async #carry(from: Socket, to: Socket): Promise<void> {
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        if (this.#delay_ms > 0) await sleep(this.#delay_ms);
        await this.#held?.over;
        to.write(chunk);
      }
      to.end();
    } catch {
      to.destroy();
    }
  }

  /** Every connection breaks, and none is made. */
  cut(): void {
    this.#is_cut = true;
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  /** Connections stay, and can be made, and nothing comes through: what was sent arrives once it is healed. */
  hold(): void {
    let end = (): void => {};
    const over = new Promise<void>((resolve) => {
      end = resolve;
    });
    this.#held = { over, end };
  }

  /** Each piece of data takes this long, both ways. */
  slow(delay_ms: number): void {
    this.#delay_ms = delay_ms;
  }

  heal(): void {
    this.#is_cut = false;
    this.#held?.end();
    this.#held = null;
    this.#delay_ms = 0;
  }

  close(): void {
    this.cut();
    this.#held?.end();
    this.#server.close();
  }
}
