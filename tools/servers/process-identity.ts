import { execFileSync } from 'node:child_process';
import type { z } from 'zod';
import { startSchema, statOnLinux } from '../../client/cli/shared/running-start.ts';

/** A process, told apart from any later one with the same pid by when it started. */
export const processSchema = startSchema.shape.owner;
export type ProcessIdentity = z.output<typeof processSchema>;

/** Whether that very process still lives: same pid and same start. */
export function isAlive({ pid, started }: ProcessIdentity): boolean {
  return identify(pid)?.started === started;
}

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
