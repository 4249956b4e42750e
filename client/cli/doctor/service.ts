import { ConcordError } from '../../../domain/errors.ts';
import type { ServiceName } from '../../../domain/services.ts';
import type { Connected } from '../shared/session.ts';
import { type Check, failed, messageOf, ok, skipped } from './check.ts';
import { examineWorker } from './worker.ts';

/** Looks for a service's worker, and asks what only the service's database can answer. */
export async function examineService(service: ServiceName, connected: Connected): Promise<Check[]> {
  const { concord } = connected;
  const questions = {
    orders: () => concord.list({ limit: 1 }),
    inventory: () => concord.stock([], { limit: 1 }),
  };
  const serviceName = `${service} service`;
  const { worker, ifEnded } = await examineWorker(service, connected);
  if (worker.status !== 'ok')
    return [worker, skipped(serviceName, 'not asked, because no worker gets its work')];
  const started = Date.now();
  try {
    await questions[service]();
    return [worker, ok(serviceName, `answers from its database, in ${Date.now() - started} ms`)];
  } catch (error) {
    if (isTimeout(error)) {
      const ghost = { ...ifEnded, found: `${worker.found}, but takes no task: it may have ended` };
      return [ghost, { name: serviceName, status: 'failed', found: 'does not answer' }];
    }
    const fix = 'see the log of its worker, and whether its MongoDB runs';
    return [worker, failed(serviceName, messageOf(error), fix)];
  }
}

/** True if nobody has even taken the question. */
function isTimeout(error: unknown): boolean {
  const cause = error instanceof ConcordError && error.code === 'NoAnswer' ? error.cause : undefined;
  return cause instanceof Error && cause.cause instanceof Error && cause.cause.name === 'TimeoutFailure';
}
