import { readFileSync } from 'node:fs';

/** The time as it is, whatever `shiftClock` makes of it. Milliseconds. */
export const realTime = Date.now;

/**
 * Shifts this process's clock by what the file says, in milliseconds, now and at each SIGUSR2. A file that isn't there
 * says nothing.
 */
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
