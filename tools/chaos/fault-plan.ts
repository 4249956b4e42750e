import type { ServiceName } from '../../workers/services.ts';
import { createRandom, type Random } from './random.ts';

/** A way to a server that goes through a proxy, and so can be disturbed. */
export type LinkName =
  | 'orders-temporal'
  | 'orders-mongodb'
  | 'inventory-temporal'
  | 'inventory-mongodb'
  | 'clients-temporal';

/** Which of a server's processes stand still: all, or (FerretDB over PostgreSQL) the front or the storage alone. */
export type PausedPart = 'all' | 'front' | 'storage';

type FaultDetails =
  | { readonly kind: 'worker-kill' | 'worker-restart' | 'worker-pause'; readonly target: ServiceName }
  | { readonly kind: 'worker-clock'; readonly target: ServiceName; readonly offset: number }
  | { readonly kind: 'temporal-kill' | 'temporal-restart' | 'temporal-pause'; readonly target: 'temporal' }
  | { readonly kind: 'mongodb-kill' | 'mongodb-restart'; readonly target: 'mongodb' }
  | { readonly kind: 'mongodb-pause'; readonly target: 'mongodb'; readonly part: PausedPart }
  | { readonly kind: 'link-cut' | 'link-stall'; readonly target: LinkName }
  | { readonly kind: 'link-delay'; readonly target: LinkName; readonly latency: number };

/** A fault that the runner brings about: when, counted from the start, and for how long. Milliseconds. */
export type PlannedFault = FaultDetails & { readonly at: number; readonly duration: number };

export type FaultKind = PlannedFault['kind'];

export const faultKinds = [
  'worker-kill',
  'worker-restart',
  'worker-pause',
  'worker-clock',
  'temporal-kill',
  'temporal-restart',
  'temporal-pause',
  'mongodb-kill',
  'mongodb-restart',
  'mongodb-pause',
  'link-cut',
  'link-stall',
  'link-delay',
] as const satisfies readonly FaultKind[];

const SERVICES: readonly ServiceName[] = ['orders', 'inventory'];
const LINKS: readonly LinkName[] = [
  'orders-temporal',
  'orders-mongodb',
  'inventory-temporal',
  'inventory-mongodb',
  'clients-temporal',
];

/** Some pauses outlast an attempt, so that what was begun before goes on beside its successor. Milliseconds. */
const PAUSES = [1_000, 2_500, 5_000, 11_500] as const;
const CLOCK_OFFSET = 60_000;

/** From one fault to the next: orders must get on in between, or none would ever meet a fault late. Milliseconds. */
const GAP = { least: 2_000, most: 5_000 } as const;

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
    if (kind !== undefined)
      faults.push({ ...planFault(kind, random), at, duration: lastingOf(kind, random) });
  }
  return faults;
}

function planFault(kind: FaultKind, random: Random): FaultDetails {
  switch (kind) {
    case 'worker-kill':
    case 'worker-restart':
    case 'worker-pause':
      return { kind, target: random.pick(SERVICES) };
    case 'worker-clock':
      return { kind, target: random.pick(SERVICES), offset: random.pick([-CLOCK_OFFSET, CLOCK_OFFSET]) };
    case 'temporal-kill':
    case 'temporal-restart':
    case 'temporal-pause':
      return { kind, target: 'temporal' };
    case 'mongodb-kill':
    case 'mongodb-restart':
      return { kind, target: 'mongodb' };
    case 'mongodb-pause':
      return { kind, target: 'mongodb', part: random.pick(['all', 'front', 'storage']) };
    case 'link-cut':
    case 'link-stall':
      return { kind, target: random.pick(LINKS) };
    case 'link-delay':
      return { kind, target: random.pick(LINKS), latency: random.whole(50, 800) };
  }
}

/** Milliseconds; 0 where a fault is over at once. */
function lastingOf(kind: FaultKind, random: Random): number {
  switch (kind) {
    case 'worker-pause':
    case 'temporal-pause':
    case 'mongodb-pause':
    case 'link-stall':
      return random.pick(PAUSES);
    case 'worker-clock':
    case 'link-delay':
      return random.whole(3_000, 10_000);
    case 'link-cut':
      return random.whole(100, 3_000);
    default:
      return 0;
  }
}
