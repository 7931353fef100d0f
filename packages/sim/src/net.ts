import { type HttpReply, type HttpRequest, NoAnswer, type Recorded, type Transport } from "orchestrator-core";
import type { Gateway } from "./gateway.ts";
import type { Dice } from "./random.ts";
import type { Scope } from "./scheduler.ts";
import type { World } from "./world.ts";

/** Who asks. `honest`: no impostor, whose reports are lies. */
export interface Caller {
  readonly name: string;
  readonly scope: Scope;
  readonly honest: boolean;
}

/** Where requests arrive: one life of the daemon. */
export interface Listener {
  readonly scope: Scope;
  readonly gateway: Gateway;
}

/**
 * The network: requests and answers are lost, late, and in another order; a request arrives twice; anything ever said
 * is said again by somebody. A caller is never told what became of its request.
 */
export class Net {
  listener: Listener | null = null;
  /** Callers that are cut off, by name. */
  readonly cut = new Set<string>();
  readonly said: { readonly request: HttpRequest; readonly caller: Caller }[] = [];
  readonly #world: World;
  readonly #dice: Dice;
  #count = 0;

  constructor(world: World) {
    this.#world = world;
    this.#dice = world.dice.fork("net");
  }

  transport(caller: Caller): Transport {
    return (request) => this.#ask(request, caller);
  }

  #ask(request: HttpRequest, caller: Caller): Promise<HttpReply> {
    caller.scope.check();
    const world = this.#world;
    const { scheduler, trace, tally } = world;
    const id = `q${++this.#count}`;
    tally.requests++;
    if (caller.honest) this.said.push({ request, caller });
    trace.say(`${caller.name} ${id} ${request.method} ${request.path} ${sizeOf(request.body)}`);
    return new Promise((resolve, reject) => {
      const gone = new AbortController();
      let open = true;
      const finish = (what: string, act: () => void): void => {
        if (!open) return;
        open = false;
        clear();
        trace.say(`${caller.name} ${id} ${what}`);
        act();
      };
      // a connection may stay half-open: nobody tells the daemon
      const hangUp = (): void => {
        if (this.#dice.chance(world.faults.over ? 0 : 0.05)) world.disturb(caller.name, HALF_OPEN_MS);
        else scheduler.after(this.#dice.between(0.05, 1), null, () => gone.abort(GONE));
      };
      world.onDeath(caller.scope, () => {
        if (open) hangUp();
      });
      const fail = (why: string): void => finish(why, () => reject(new NoAnswer(`${request.path}: ${why}`)));
      const clear = scheduler.after(request.timeout_ms, caller.scope, () => {
        fail("no answer in time");
        hangUp();
      });
      if (this.listener === null) {
        scheduler.after(this.#dice.between(0.1, 1), caller.scope, () => fail("refused"));
        return;
      }
      const { lose, twice } = world.faults.net();
      const { listener } = this;
      const answer = (reply: HttpReply): void => {
        if (this.cut.has(caller.name) || this.#dice.chance(lose)) {
          tally.drops++;
          world.disturb(caller.name, request.timeout_ms);
          trace.say(`${caller.name} ${id} answer lost`);
          return;
        }
        scheduler.after(this.#delay(caller), caller.scope, () => {
          if (open) world.delivered(request, reply, caller);
          finish(`${reply.status} ${sizeOf(reply.body)}`, () => resolve(reply));
        });
      };
      const reset = (): void => {
        scheduler.after(this.#dice.between(0.1, 5), caller.scope, () => fail("reset"));
      };
      if (this.cut.has(caller.name) || this.#dice.chance(lose)) {
        tally.drops++;
        world.disturb(caller.name, request.timeout_ms);
        trace.say(`${caller.name} ${id} lost`);
      } else this.#arrive(request, caller, listener, gone.signal, answer, reset);
      if (this.#dice.chance(twice)) {
        tally.duplicates++;
        world.disturb(caller.name, HALF_OPEN_MS);
        trace.say(`${caller.name} ${id} twice`);
        scheduler.after(this.#dice.around(300), null, () => {
          if (this.listener !== null) this.#arrive(request, caller, this.listener, gone.signal, answer, () => {});
        });
      }
    });
  }

  #arrive(
    request: HttpRequest,
    caller: Caller,
    { scope, gateway }: Listener,
    signal: AbortSignal,
    answer: (reply: HttpReply) => void,
    reset: () => void,
  ): void {
    this.#world.scheduler.after(this.#delay(caller), null, () => {
      // the listener's process is gone: the connection with it
      if (!scope.alive) return reset();
      this.#world.scheduler.after(0, scope, () => {
        this.#world.onDeath(scope, reset);
        void gateway.handle(request, signal, caller).then((reply) => {
          if (scope.alive) answer(reply);
        });
      });
    });
  }

  /** Somebody says again what was said before. Nobody waits for the answer. */
  replay(): void {
    if (this.said.length === 0 || this.listener === null) return;
    const { request, caller } = this.#dice.pick(this.said);
    this.#world.tally.replays++;
    this.#world.disturb(caller.name, HALF_OPEN_MS);
    this.#world.trace.say(`replay of ${caller.name} ${request.path}`);
    const gone = new AbortController();
    this.#arrive(
      request,
      caller,
      this.listener,
      gone.signal,
      () => {},
      () => {},
    );
    this.#world.scheduler.after(this.#dice.around(1_000), null, () => gone.abort(GONE));
  }

  /** Follows a run's events until they end or the connection breaks. */
  follow(caller: Caller, run_id: string, after_seq: number, each: (event: Recorded) => void): Promise<void> {
    const { listener } = this;
    const { scheduler } = this.#world;
    return new Promise((resolve) => {
      if (listener === null) return void scheduler.after(1, caller.scope, resolve);
      const gone = new AbortController();
      let last = scheduler.now;
      let open = true;
      const close = (): void => {
        open = false;
        resolve();
      };
      const later = (act: () => void): void => {
        last = Math.max(last, scheduler.now + this.#delay(caller));
        scheduler.at(last, caller.scope, () => {
          if (open) act();
        });
      };
      this.#world.onDeath(listener.scope, () => scheduler.after(1, caller.scope, close));
      const breaks = this.#dice.around(8_000);
      scheduler.after(breaks, null, () => gone.abort(GONE));
      scheduler.after(this.#delay(caller), listener.scope, () => {
        void (async () => {
          try {
            for await (const portion of listener.gateway.events(run_id, after_seq, gone.signal)) {
              if (!listener.scope.alive) return;
              const text = JSON.stringify(portion);
              later(() => {
                for (const event of JSON.parse(text) as Recorded[]) each(event);
              });
            }
          } catch {
            // an unknown run, or a daemon that breaks: the stream ends
          }
          later(close);
        })();
      });
    });
  }

  #delay(caller?: Caller): number {
    const { slow } = this.#world.faults.net();
    if (!this.#dice.chance(slow)) return this.#dice.between(0.05, 1);
    if (caller !== undefined) this.#world.disturb(caller.name);
    return this.#dice.around(1_500);
  }
}

/** A reason of our own: the default one costs a stack trace. */
const GONE = "the caller went away";

/** How long a daemon may keep what nobody waits for any more. */
const HALF_OPEN_MS = 30_000;

const sizeOf = (text: string | null): string => `${text?.length ?? 0}B`;
