import type { Db } from 'mongodb';
import { checkStock, type Violation } from '../measure/checker.ts';
import { keepLooking } from '../measure/looking.ts';
import { readStock } from '../measure/state.ts';

/** Reads the stock again and again while faults hit. */
export interface StockWatch {
  /** How often the stock could be read so far. */
  reads(): number;
  /** What did not hold at some moment; each once. */
  violations(): Violation[];
  stop(): Promise<void>;
}

/** Milliseconds from one look to the next. */
const INTERVAL = 500;

/** @param found Is told of each violation as soon as it is seen. */
export function watchStock(inventory: Db, found: (violation: Violation) => void): StockWatch {
  const violations = new Map<string, Violation>();
  let reads = 0;
  const stop = keepLooking(INTERVAL, async () => {
    // A database that stands still or is gone is what the run is about.
    const stock = await readStock(inventory).catch(() => undefined);
    if (stock === undefined) return;
    reads += 1;
    for (const violation of checkStock(stock)) {
      const key = `${violation.invariant} ${violation.subject}`;
      if (violations.has(key)) continue;
      violations.set(key, violation);
      found(violation);
    }
  });
  return { reads: () => reads, violations: () => [...violations.values()], stop };
}
