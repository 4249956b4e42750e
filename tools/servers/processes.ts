import { execFile } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';

/** A process, told apart from any later one with the same pid by when it started. */
export const processIdentitySchema = z.object({ pid: z.int().positive(), started: z.string() });
export type ProcessIdentity = z.infer<typeof processIdentitySchema>;

/** The identity of a living process; undefined when there is none (a zombie is none). */
export async function identify(pid: number): Promise<ProcessIdentity | undefined> {
  const started = process.platform === 'linux' ? startOnLinux(pid) : await startElsewhere(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether that very process still lives: same pid and same start. */
export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  return (await identify(identity.pid))?.started === identity.started;
}

/**
 * Ends that very process, and never another one that got its pid: `signal` first, SIGKILL after `graceMs` milliseconds.
 * Returns whether there was anything to end.
 */
export async function end(
  identity: ProcessIdentity,
  signal: NodeJS.Signals = 'SIGTERM',
  graceMs = 5000,
): Promise<boolean> {
  if (!(await isAlive(identity))) return false;
  send(identity.pid, signal);
  if (!(await isGoneWithin(identity, graceMs)) && (await isAlive(identity))) {
    send(identity.pid, 'SIGKILL');
    await isGoneWithin(identity, 5000);
  }
  return true;
}

/** Waits until that process is gone, at most `milliseconds`; returns whether it is. */
export async function isGoneWithin(identity: ProcessIdentity, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (await isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await delay(25);
  }
  return true;
}

/**
 * Whether an identity is from another container on this machine: its processes cannot be seen from here, so that
 * "not alive" means nothing.
 */
export async function isForeign(identity: ProcessIdentity): Promise<boolean> {
  const [boot, namespace] = identity.started.split('/');
  const [ourBoot, ourNamespace] = (await identify(process.pid))?.started.split('/') ?? [];
  return boot === ourBoot && namespace !== ourNamespace;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in the meantime.
  }
}

function startOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The command's name, in parentheses, may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    // The start is counted from boot, so it needs the boot; and a pid means nothing outside its namespace.
    return `${bootId()}/${readlinkSync('/proc/self/ns/pid')}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

async function startElsewhere(pid: number): Promise<string | undefined> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return undefined;
  }
  if (process.platform === 'win32') return 'unknown';
  try {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      env: { ...process.env, LC_ALL: 'C' },
    });
    const [state = '', ...start] = stdout.trim().split(/\s+/);
    return state === '' || state.startsWith('Z') ? undefined : start.join(' ');
  } catch {
    return undefined;
  }
}
