import { setTimeout as delay } from 'node:timers/promises';
import { isAlive, type ProcessIdentity } from './process-identity.ts';

/** Sends a signal to a process, if it still lives. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * Ends that very process, and never another one that got its pid: by `stopSignal`, and by SIGKILL after `graceMs`.
 * @returns Whether there was anything to end.
 */
export async function end(
  identity: ProcessIdentity,
  stopSignal: NodeJS.Signals = 'SIGTERM',
  graceMs = 5000,
): Promise<boolean> {
  if (!isAlive(identity)) return false;
  signal(identity.pid, stopSignal);
  // One that stands still would not hear it.
  signal(identity.pid, 'SIGCONT');
  if (!(await isGoneWithin(identity, graceMs))) {
    signal(identity.pid, 'SIGKILL');
    await isGoneWithin(identity, 5000);
  }
  return true;
}

/** Waits until that process is gone, at most `milliseconds`; returns whether it is. */
export async function isGoneWithin(identity: ProcessIdentity, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (isAlive(identity)) {
    if (Date.now() > deadline) return false;
    await delay(25);
  }
  return true;
}
