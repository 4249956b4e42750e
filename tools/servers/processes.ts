import { execFileSync, spawn } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import type { z } from 'zod';
import { startSchema, statOnLinux } from '../../client/cli/shared/running-start.ts';

/** A process, told apart from any later one with the same pid by when it started. */
export const processSchema = startSchema.shape.owner;
export type ProcessIdentity = z.output<typeof processSchema>;

export const isAlive = ({ pid, started }: ProcessIdentity) => identify(pid)?.started === started;

/** The identity of a living process; undefined when there is none (a zombie is none). */
export function identify(pid: number): ProcessIdentity | undefined {
  try {
    const [state = '', started = ''] = stateAndStart(pid);
    return started === '' || /^[ZX]/.test(state) ? undefined : { pid, started };
  } catch {
    return undefined;
  }
}

function stateAndStart(pid: number): (string | undefined)[] {
  if (process.platform === 'linux') {
    const fields = statOnLinux(pid);
    return [fields[0], fields[19]];
  }
  if (process.platform === 'win32') return process.kill(pid, 0) ? ['', 'unknown'] : [];
  const options = { env: { ...process.env, LC_ALL: 'C' }, encoding: 'utf8', stdio: 'pipe' } as const;
  const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], options);
  const [state, ...started] = line.trim().split(/\s+/);
  return [state, started.join('-').replaceAll(':', '-')];
}

export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Windows has few signals, and throws for others: no clean-up may end half-way because of that. Returns whether it was sent. */
function signalIfKnown(pid: number, name: NodeJS.Signals): boolean {
  try {
    signal(pid, name);
    return true;
  } catch (error) {
    if (!UNKNOWN_SIGNAL.has((error as NodeJS.ErrnoException).code)) throw error;
    return false;
  }
}

// Node's own, and the system's.
const UNKNOWN_SIGNAL = new Set<string | undefined>(['ERR_UNKNOWN_SIGNAL', 'ENOSYS']);

/** Ends that very process, and never another one that got its pid. @returns Whether there was anything to end. */
export async function end(identity: ProcessIdentity, stopSignal: NodeJS.Signals = 'SIGTERM', graceMs = 5000) {
  if (!isAlive(identity)) return false;
  const isAsked = signalIfKnown(identity.pid, stopSignal);
  // One that stands still would not hear it.
  signalIfKnown(identity.pid, 'SIGCONT');
  if (!isAsked || !(await isGoneWithin(identity, graceMs))) {
    signal(identity.pid, 'SIGKILL');
    await isGoneWithin(identity, 5000);
  }
  return true;
}

export async function isGoneWithin(identity: ProcessIdentity, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await delay(25);
  }
  return true;
}

/** Stops these and all that they have started. A helper lets them go on, even if this process is killed meanwhile. */
export async function pause(pids: readonly number[], milliseconds: number) {
  const all = await withDescendants(pids);
  for (const pid of all) signal(pid, 'SIGSTOP');
  const script = 'sleep "$0"; kill -CONT "$@" 2>/dev/null';
  const args = ['-c', script, String(milliseconds / 1000), ...all.map(String)];
  const helper = spawn('sh', args, { stdio: 'ignore', detached: true });
  helper.unref();
  return {
    /** Lets them go on, at once. Idempotent. */
    resume() {
      if (helper.pid !== undefined && helper.exitCode === null) signal(-helper.pid, 'SIGKILL');
      for (const pid of all) signalIfKnown(pid, 'SIGCONT');
    },
  };
}

/** These processes and all that they have started; parents before children. */
export async function withDescendants(pids: readonly number[]): Promise<number[]> {
  const processes = process.platform === 'linux' ? await listOnLinux() : await listElsewhere();
  const found = [...pids];
  for (const each of found) {
    found.push(...processes.filter(([, parent]) => parent === each).map(([pid = 0]) => pid));
  }
  return found;
}

async function listOnLinux(): Promise<number[][]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  return pids.flatMap((pid) => {
    try {
      return [[pid, Number(statOnLinux(pid)[1])]];
    } catch {
      return []; // gone meanwhile
    }
  });
}

async function listElsewhere(): Promise<number[][]> {
  const { stdout } = await execa('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
}
