import { type ServiceName, services } from '../../domain/services.ts';
import { type LinkName, linkNames } from './chaos-stage.ts';
import type { LoadOptions, LoadPlan } from './load-plan.ts';
import { createRandom, type Random } from './random.ts';

/** The target of a fault, and how it differs from others of its kind. Milliseconds. */
export interface FaultDetails {
  readonly target: ServiceName | 'temporal' | 'mongodb' | LinkName;
  /** Absent if it is over at once. */
  readonly duration?: number;
  /** By how much a clock is wrong. */
  readonly offset?: number;
  readonly latency?: number;
  /** Which processes stand still: all, or of FerretDB over PostgreSQL the front or the storage alone. */
  readonly part?: 'all' | 'front' | 'storage';
}

/** A fault that the runner brings about; `at` counts from the start. */
export interface PlannedFault extends FaultDetails {
  readonly kind: FaultKind;
  readonly at: number;
}

type FaultOptions = Pick<LoadOptions, 'seed' | 'duration'> & Pick<LoadPlan, 'bursts'>;

export type FaultKind = keyof typeof plans;

const CLOCK_OFFSET = 60_000;
/** Milliseconds between faults, in which orders get on, so that some meet a fault late. */
const GAP = { least: 2_000, most: 5_000 } as const;

const worker = (random: Random) => ({ target: random.pick(services) });
const link = (random: Random) => ({ target: random.pick(linkNames) });
const temporal = { target: 'temporal' } as const;
const mongodb = { target: 'mongodb' } as const;
/** Some pauses outlast an attempt, so that what was begun before goes on beside its successor. */
const pause = (random: Random) => ({ duration: random.pick([1_000, 2_500, 5_000, 11_500]) });
const disturbance = (random: Random) => ({ duration: random.whole(3_000, 10_000) });

const plans = {
  'worker-kill': worker,
  'worker-restart': worker,
  'worker-pause': (random) => ({ ...worker(random), ...pause(random) }),
  'worker-clock': (random) => ({
    ...worker(random),
    offset: random.pick([-CLOCK_OFFSET, CLOCK_OFFSET]),
    ...disturbance(random),
  }),
  'temporal-kill': () => temporal,
  'temporal-restart': () => temporal,
  'temporal-pause': (random) => ({ ...temporal, ...pause(random) }),
  'mongodb-kill': () => mongodb,
  'mongodb-restart': () => mongodb,
  'mongodb-pause': (random) => ({
    ...mongodb,
    part: random.pick(['all', 'front', 'storage']),
    ...pause(random),
  }),
  'link-cut': (random) => ({ ...link(random), duration: random.whole(100, 3_000) }),
  'link-stall': (random) => ({ ...link(random), ...pause(random) }),
  'link-delay': (random) => ({ ...link(random), latency: random.whole(50, 800), ...disturbance(random) }),
} satisfies Record<string, (random: Random) => FaultDetails>;

export const faultKinds = Object.keys(plans) as FaultKind[];

/** Plans a fault every few seconds, just after a burst of orders. Every kind comes before any comes again. */
export function planFaults({ seed, duration, bursts }: FaultOptions): PlannedFault[] {
  const random = createRandom(seed, 'faults');
  const faults: PlannedFault[] = [];
  let bag: FaultKind[] = [];
  for (let at = 500; at < duration; at += random.whole(GAP.least, GAP.most)) {
    const burst = bursts.find((time) => time >= at && time < at + 2_000);
    if (burst !== undefined) at = burst + random.whole(0, 700);
    if (bag.length === 0) bag = random.shuffled(faultKinds);
    const kind = bag.pop();
    if (kind !== undefined) faults.push({ kind, ...plans[kind](random), at });
  }
  return faults;
}
