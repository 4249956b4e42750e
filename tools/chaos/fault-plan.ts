import type { ServiceName } from '../../workers/services.ts';
import { type LinkName, linkNames } from './chaos-stage.ts';
import { createRandom, type Random } from './random.ts';

/** Which of a server's processes stand still: all, or (FerretDB over PostgreSQL) the front or the storage alone. */
export type PausedPart = 'all' | 'front' | 'storage';

type FaultDetails = { readonly duration: number } & (
  | { readonly kind: 'worker-kill' | 'worker-restart' | 'worker-pause'; readonly target: ServiceName }
  | { readonly kind: 'worker-clock'; readonly target: ServiceName; readonly offset: number }
  | { readonly kind: 'temporal-kill' | 'temporal-restart' | 'temporal-pause'; readonly target: 'temporal' }
  | { readonly kind: 'mongodb-kill' | 'mongodb-restart'; readonly target: 'mongodb' }
  | { readonly kind: 'mongodb-pause'; readonly target: 'mongodb'; readonly part: PausedPart }
  | { readonly kind: 'link-cut' | 'link-stall'; readonly target: LinkName }
  | { readonly kind: 'link-delay'; readonly target: LinkName; readonly latency: number }
);

/** A fault that the runner brings about: when, counted from the start, and for how long. Milliseconds. */
export type PlannedFault = FaultDetails & { readonly at: number };

export type FaultKind = PlannedFault['kind'];

const SERVICES: readonly ServiceName[] = ['orders', 'inventory'];
const CLOCK_OFFSET = 60_000;
/** From one fault to the next: orders must get on in between, or none would ever meet a fault late. Milliseconds. */
const GAP = { least: 2_000, most: 5_000 } as const;

/** Some pauses outlast an attempt, so that what was begun before goes on beside its successor. Milliseconds. */
const pause = (random: Random) => random.pick([1_000, 2_500, 5_000, 11_500]);
const disturbance = (random: Random) => random.whole(3_000, 10_000);

/** What tells a fault of each kind from others of it. */
const plans: Readonly<Record<FaultKind, (random: Random) => object>> = {
  'worker-kill': (random) => ({ target: random.pick(SERVICES) }),
  'worker-restart': (random) => ({ target: random.pick(SERVICES) }),
  'worker-pause': (random) => ({ target: random.pick(SERVICES), duration: pause(random) }),
  'worker-clock': (random) => ({
    target: random.pick(SERVICES),
    offset: random.pick([-CLOCK_OFFSET, CLOCK_OFFSET]),
    duration: disturbance(random),
  }),
  'temporal-kill': () => ({ target: 'temporal' }),
  'temporal-restart': () => ({ target: 'temporal' }),
  'temporal-pause': (random) => ({ target: 'temporal', duration: pause(random) }),
  'mongodb-kill': () => ({ target: 'mongodb' }),
  'mongodb-restart': () => ({ target: 'mongodb' }),
  'mongodb-pause': (random) => ({
    target: 'mongodb',
    part: random.pick(['all', 'front', 'storage']),
    duration: pause(random),
  }),
  'link-cut': (random) => ({ target: random.pick(linkNames), duration: random.whole(100, 3_000) }),
  'link-stall': (random) => ({ target: random.pick(linkNames), duration: pause(random) }),
  'link-delay': (random) => ({
    target: random.pick(linkNames),
    latency: random.whole(50, 800),
    duration: disturbance(random),
  }),
};

export const faultKinds = Object.keys(plans) as FaultKind[];

/**
 * A fault every few seconds, just after a burst of orders where there is one. Every kind comes before any comes again.
 * The same arguments make the same plan.
 */
export function planFaults(options: {
  seed: string;
  duration: number;
  bursts: readonly number[];
}): PlannedFault[] {
  const { seed, duration, bursts } = options;
  const random = createRandom(seed, 'faults');
  const faults: PlannedFault[] = [];
  let bag: FaultKind[] = [];
  for (let at = 500; at < duration; at += random.whole(GAP.least, GAP.most)) {
    const burst = bursts.find((time) => time >= at && time < at + 2_000);
    if (burst !== undefined) at = burst + random.whole(0, 700);
    if (bag.length === 0) bag = random.shuffled(faultKinds);
    const kind = bag.pop();
    if (kind !== undefined) faults.push({ kind, duration: 0, ...plans[kind](random), at } as PlannedFault);
  }
  return faults;
}
