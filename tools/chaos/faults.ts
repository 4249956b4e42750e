import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceName } from '../../workers/services.ts';
import type { CleanUp } from '../servers/ending.ts';
import { pause, signal } from '../servers/processes.ts';
import type { ChaosStage, LinkName } from './chaos-stage.ts';
import type { FaultKind, PlannedFault } from './fault-plan.ts';
import type { Link } from './link.ts';

/** A fault that has hit. Milliseconds since 1970. */
export interface Fault {
  readonly kind: string;
  readonly target: string;
  readonly at: number;
  readonly until: number;
  readonly detail?: string;
  /** The workflow whose activity it hit; absent if it hit everybody. */
  readonly workflowId?: string;
}

/** Brings each planned fault about at its time; two that concern the same target come one after the other. */
export function injectFaults(
  plan: readonly PlannedFault[],
  stage: ChaosStage,
  began: (fault: PlannedFault) => void,
  cleanUp: CleanUp,
): Promise<Fault[]> {
  const start = Date.now();
  const busy = new Map<string, Promise<unknown>>();
  const inject = async (planned: PlannedFault): Promise<Fault> => {
    const { kind, target } = planned;
    await delay(Math.max(0, start + planned.at - Date.now()));
    const earlier = busy.get(target);
    const hit = (async () => {
      await earlier;
      began(planned);
      const at = Date.now();
      await actions[kind](stage, planned, cleanUp);
      return { kind, target, at, until: Date.now(), detail: detailOf(planned) };
    })();
    busy.set(target, hit);
    return hit;
  };
  return Promise.all(plan.map(inject));
}

export function readable<Hit extends Fault>({ at, until, ...fault }: Hit) {
  return { ...fault, at: new Date(at).toISOString(), until: new Date(until).toISOString() };
}

export function detailOf({ part, offset, latency, duration }: PlannedFault): string {
  const details = [
    part,
    offset && `${offset > 0 ? '+' : ''}${offset / 1000} s`,
    latency && `+${latency} ms`,
    duration && `for ${duration / 1000} s`,
  ];
  return details.filter(Boolean).join(' ');
}

type Action = (stage: ChaosStage, fault: PlannedFault, cleanUp: CleanUp) => unknown;

const actions: Readonly<Record<FaultKind, Action>> = {
  'worker-kill': signalWorker('SIGKILL'),
  'worker-restart': signalWorker('SIGTERM'),
  'worker-pause': (stage, fault, cleanUp) => hold(workerPids(stage, fault), fault, cleanUp),
  async 'worker-clock'(stage, { target, offset = 0, duration }) {
    stage.setClock(target as ServiceName, offset);
    await delay(duration);
    stage.setClock(target as ServiceName, 0);
  },
  'temporal-kill': ({ temporal }) => temporal.kill(),
  'temporal-restart': ({ temporal }) => temporal.restart(),
  'temporal-pause': holdServer,
  'mongodb-kill': ({ mongodb }) => mongodb.kill(),
  'mongodb-restart': ({ mongodb }) => mongodb.restart(),
  'mongodb-pause': holdServer,
  'link-cut': disturb((link) => link.cut()),
  'link-stall': disturb((link) => link.stall()),
  'link-delay': disturb((link, { latency = 0 }) => link.slowDown(latency)),
};

function disturb(begin: (link: Link, fault: PlannedFault) => void): Action {
  return async ({ links }, fault) => {
    const link = links[fault.target as LinkName];
    begin(link, fault);
    await delay(fault.duration);
    link.restore();
  };
}

function holdServer(stage: ChaosStage, fault: PlannedFault, cleanUp: CleanUp): Promise<void> {
  const server = stage[fault.target as 'temporal' | 'mongodb'];
  const pids = server.processes().map(({ identity }) => identity.pid);
  // Storage starts first, and the front last; a server of one process is both.
  const parts = { all: pids, front: pids.slice(-1), storage: pids.slice(0, 1) };
  return hold(parts[fault.part ?? 'all'], fault, cleanUp);
}

async function hold(pids: readonly number[], { duration = 0 }: PlannedFault, cleanUp: CleanUp) {
  const { resume } = await pause(pids, duration);
  let isOver = false;
  cleanUp(async () => {
    if (!isOver) resume();
  });
  await delay(duration);
  isOver = true;
  resume();
}

function signalWorker(name: NodeJS.Signals): Action {
  return (stage, fault) => {
    for (const pid of workerPids(stage, fault)) signal(pid, name);
  };
}

function workerPids({ workers }: ChaosStage, { target }: PlannedFault): number[] {
  const pid = workers[target as ServiceName].pid();
  return pid === undefined ? [] : [pid];
}
