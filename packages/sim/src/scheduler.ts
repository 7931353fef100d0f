/**
 * Virtual time. Events happen in the order of (time, sequence); after each one every promise that can move on does,
 * before the next begins. So one thread and one seed give one history.
 *
 * 1. A task belongs to a scope, which is one life of one process. A dead scope's tasks never run.
 * 2. A paused scope's tasks wait, and run in their order once it goes on (SIGSTOP, SIGCONT).
 * 3. Nothing outside of this module makes anything happen later.
 */
export class Dead extends Error {
  override name = "Dead";
}

/** One life of one process. */
export class Scope {
  readonly name: string;
  alive = true;
  paused = false;
  readonly deferred: Task[] = [];

  constructor(name: string) {
    this.name = name;
  }

  /** A port that a killed process still calls: the call never comes back. */
  check(): void {
    if (!this.alive) throw new Dead(this.name);
  }
}

interface Task {
  readonly at: number;
  readonly order: number;
  readonly scope: Scope | null;
  fn: (() => void) | null;
}

const NOTHING = (): void => {};

export class Scheduler {
  /** Milliseconds since the world began. */
  now = 0;
  steps = 0;
  readonly #heap: Task[] = [];
  #order = 0;

  /** Runs `fn` at that time unless the returned function is called first. Null scope: the world itself. */
  at(at: number, scope: Scope | null, fn: () => void): () => void {
    if (scope !== null && !scope.alive) return NOTHING;
    const task: Task = { at: Math.max(at, this.now), order: ++this.#order, scope, fn };
    this.#push(task);
    return () => {
      task.fn = null;
    };
  }

  after(delay_ms: number, scope: Scope | null, fn: () => void): () => void {
    return this.at(this.now + delay_ms, scope, fn);
  }

  /** Resolves after that long, in the scope: never, where it dies before. */
  sleep(delay_ms: number, scope: Scope | null): Promise<void> {
    return new Promise((resolve) => {
      this.after(delay_ms, scope, resolve);
    });
  }

  resume(scope: Scope): void {
    scope.paused = false;
    for (const task of scope.deferred.splice(0)) if (task.fn !== null) this.at(this.now, scope, task.fn);
  }

  /** The next event. False: there is none. */
  step(): boolean {
    for (;;) {
      const task = this.#pop();
      if (task === undefined) return false;
      const { fn, scope } = task;
      if (fn === null || (scope !== null && !scope.alive)) continue;
      this.now = task.at;
      if (scope?.paused) {
        scope.deferred.push(task);
        continue;
      }
      task.fn = null;
      this.steps++;
      fn();
      return true;
    }
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let i = heap.push(task) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(task, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = task;
  }

  #pop(): Task | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

const before = (a: Task, b: Task): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);
