import { setTimeout as delay } from 'node:timers/promises';
import { pause } from '../servers/pause.ts';
import { signal } from '../servers/processes.ts';
import type { ChaosStage, LinkName } from './chaos-stage.ts';
import type { PlannedFault } from './fault-plan.ts';

/** A fault that has hit. Milliseconds since 1970. */
export interface Fault {
  readonly kind: string;
  readonly target: string;
  readonly at: number;
  readonly until: number;
  /** What tells it from others of its kind. */
  readonly detail?: string;
  /** The workflow whose activity it hit; absent where it hit everybody. */
  readonly workflowId?: string;
}

/** What is under way to make the stage whole again at once, where the run is broken off. */
export interface FaultInjection {
  /** Resolves with all faults, when all are over. */
  readonly done: Promise<readonly Fault[]>;
  /** Lets go on what stands still. */
  release(): void;
}

/**
 * Brings the planned faults about, each at its time; two that concern the same target come one after the other.
 *
 * @param began Is told of each fault when it hits.
 */
export function injectFaults(
  plan: readonly PlannedFault[],
  stage: ChaosStage,
  began: (fault: PlannedFault) => void,
): FaultInjection {
  const start = Date.now();
  const undo = new Set<() => void>();
  const busy = new Map<string, Promise<unknown>>();
  const inject = async (planned: PlannedFault): Promise<Fault> => {
    await delay(Math.max(0, start + planned.at - Date.now()));
    const earlier = busy.get(planned.target);
    const hit = (async () => {
      await earlier;
      began(planned);
      const at = Date.now();
      await bringAbout(planned, stage, undo);
      return { ...withDetail(planned), at, until: Date.now() };
    })();
    busy.set(planned.target, hit);
    return hit;
  };
  return {
    done: Promise.all(plan.map(inject)),
    release() {
      for (const each of undo) each();
    },
  };
}

/** What tells this fault from others of its kind, in words. */
export function withDetail(fault: PlannedFault): { kind: string; target: string; detail?: string } {
  const { kind, target } = fault;
  const parts = [
    ...('part' in fault ? [fault.part] : []),
    ...('offset' in fault ? [`${fault.offset > 0 ? '+' : ''}${fault.offset / 1000} s`] : []),
    ...('latency' in fault ? [`+${fault.latency} ms`] : []),
    ...(fault.duration > 0 ? [`for ${fault.duration / 1000} s`] : []),
  ];
  return parts.length === 0 ? { kind, target } : { kind, target, detail: parts.join(' ') };
}

async function bringAbout(fault: PlannedFault, stage: ChaosStage, undo: Set<() => void>): Promise<void> {
  switch (fault.kind) {
    case 'worker-kill':
      return signalAll(workerPids(stage, fault.target), 'SIGKILL');
    case 'worker-restart':
      return signalAll(workerPids(stage, fault.target), 'SIGTERM');
    case 'worker-pause':
      return hold(workerPids(stage, fault.target), fault.duration, undo);
    case 'worker-clock':
      stage.setClock(fault.target, fault.offset);
      await delay(fault.duration);
      return stage.setClock(fault.target, 0);
    case 'temporal-kill':
    case 'mongodb-kill':
      return stage[fault.target].kill();
    case 'temporal-restart':
    case 'mongodb-restart':
      return stage[fault.target].restart();
    case 'temporal-pause':
      return hold(serverPids(stage, fault.target, 'all'), fault.duration, undo);
    case 'mongodb-pause':
      return hold(serverPids(stage, fault.target, fault.part), fault.duration, undo);
    case 'link-cut':
    case 'link-stall':
    case 'link-delay':
      return disturb(fault, stage);
  }
}

type LinkFault = Extract<PlannedFault, { target: LinkName }>;

async function disturb(fault: LinkFault, { links }: ChaosStage): Promise<void> {
  const link = links[fault.target];
  if (fault.kind === 'link-delay') link.slowDown(fault.latency);
  else if (fault.kind === 'link-stall') link.stall();
  else link.cut();
  await delay(fault.duration);
  link.restore();
}

async function hold(pids: readonly number[], duration: number, undo: Set<() => void>): Promise<void> {
  const { resume } = await pause(pids, duration);
  undo.add(resume);
  await delay(duration);
  resume();
  undo.delete(resume);
}

function workerPids({ workers }: ChaosStage, name: keyof ChaosStage['workers']): number[] {
  const pid = workers[name].pid();
  return pid === undefined ? [] : [pid];
}

function serverPids(
  stage: ChaosStage,
  name: 'temporal' | 'mongodb',
  part: 'all' | 'front' | 'storage',
): number[] {
  const pids = stage[name].processes().map(({ identity }) => identity.pid);
  // Storage starts first, and the front last; a server of one process is both.
  if (part === 'front') return pids.slice(-1);
  return part === 'storage' ? pids.slice(0, 1) : pids;
}

function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) signal(pid, name);
}
