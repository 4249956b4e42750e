import { type ChildProcess, spawn } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { execa } from 'execa';

/** A pause of processes that is under way. */
export interface Pause {
  /** Lets them go on, at once. Idempotent. */
  resume(): void;
}

/**
 * Makes these processes, and all that they have started, stand still. A helper lets them go on after that time even
 * where this process is killed in the meantime: a server that stands still can't be ended in good order.
 */
export async function pause(pids: readonly number[], milliseconds: number): Promise<Pause> {
  const all = await withDescendants(pids);
  signalAll(all, 'SIGSTOP');
  const helper = resumeLater(all, milliseconds);
  return {
    resume() {
      endGroup(helper);
      signalAll(all, 'SIGCONT');
    },
  };
}

/** Sends a signal to a process; one that is gone is none of our business any more. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function signalAll(pids: readonly number[], name: NodeJS.Signals): void {
  for (const pid of pids) signal(pid, name);
}

function resumeLater(pids: readonly number[], milliseconds: number): ChildProcess {
  const script = 'sleep "$0"; kill -CONT "$@" 2>/dev/null';
  const helper = spawn('sh', ['-c', script, String(milliseconds / 1000), ...pids.map(String)], {
    stdio: 'ignore',
    detached: true,
  });
  helper.unref();
  return helper;
}

function endGroup({ pid, exitCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null) signal(-pid, 'SIGKILL');
}

/** These processes and all that they have started; parents before children. */
export async function withDescendants(pids: readonly number[]): Promise<number[]> {
  const processes = process.platform === 'linux' ? await listOnLinux() : await listElsewhere();
  const found = [...pids];
  for (const each of found) {
    found.push(...processes.filter(({ parent }) => parent === each).map(({ pid }) => pid));
  }
  return found;
}

interface Listed {
  readonly pid: number;
  readonly parent: number;
}

/** Small containers have no ps. */
async function listOnLinux(): Promise<Listed[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  return Promise.all(
    pids.map(async (pid) => {
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''); // gone meanwhile
      // The command's name, in parentheses, may itself hold spaces and parentheses.
      const [, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return { pid: Number(pid), parent: Number(parent) };
    }),
  );
}

async function listElsewhere(): Promise<Listed[]> {
  const { stdout } = await execa('ps', ['-A', '-o', 'pid=,ppid=']);
  return stdout.split('\n').map((line) => {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    return { pid: pid ?? 0, parent: parent ?? 0 };
  });
}
