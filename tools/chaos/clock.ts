import { readFileSync } from 'node:fs';

/** The machine's time, whatever `shiftClock` does. Milliseconds. */
export const realTime = Date.now;

/** Shifts this process's clock by the milliseconds in the file, if there is one, now and at each SIGUSR2. */
export function shiftClock(file: string): void {
  let offset = offsetIn(file);
  process.on('SIGUSR2', () => {
    offset = offsetIn(file);
  });
  const now = () => realTime() + offset;
  globalThis.Date = new Proxy(Date, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
    apply: () => new Date(now()).toString(),
    get: (target, property, receiver) => (property === 'now' ? now : Reflect.get(target, property, receiver)),
  });
}

function offsetIn(file: string): number {
  try {
    return Number(readFileSync(file, 'utf8'));
  } catch {
    return 0;
  }
}
