/**
 * Drives a world: one event, then every promise that can move on, then the next event.
 *
 * `process._tickCallback` runs Node's queues of ticks and promises until both are empty, at once and at a quarter of
 * the cost of a turn of the event loop. It is no public interface, so `drainsInPlace` first proves that it does what
 * we need; where it does not, each event gets a turn of its own. The history is the same either way.
 */
type Step = () => boolean;

const tick = (process as unknown as { readonly _tickCallback?: () => void })._tickCallback;

/** Calls `step` until it returns false. `onLost` hears of rejections that nobody handles. */
export function drive(step: Step, onLost: (error: unknown) => void, drain = tick): Promise<void> {
  const others = process.listeners("unhandledRejection");
  const driven = new Promise<void>((resolve, reject) => {
    setImmediate(function turn(): void {
      process.removeAllListeners("unhandledRejection").on("unhandledRejection", onLost);
      try {
        if (drain !== undefined && drainsInPlace(drain)) {
          do drain();
          while (step());
          resolve();
        } else if (step()) setImmediate(turn);
        else resolve();
      } catch (error) {
        reject(error as Error);
      }
    });
  });
  return driven.finally(() => {
    process.removeListener("unhandledRejection", onLost);
    for (const other of others) process.on("unhandledRejection", other);
  });
}

/** True: a chain of promises and ticks, each made by the one before, runs to its end within the call. */
export function drainsInPlace(drain: () => void): boolean {
  let steps = 0;
  const chain = async (): Promise<void> => {
    for (; steps < 10; steps++) await Promise.resolve();
    await new Promise<void>((resolve) => process.nextTick(resolve));
    for (; steps < 20; steps++) await Promise.resolve();
  };
  void chain();
  drain();
  return steps === 20;
}
