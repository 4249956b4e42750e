import path from 'node:path';
import { ConcordError } from '../../../domain/errors.ts';
import type { ServiceName } from '../../../domain/services.ts';
import { isCompiled, moduleFile } from '../../../platform/compiled.ts';
import type { Connected } from '../shared/session.ts';
import { attempt, type Check, failed, messageOf, ok, skipped } from './check.ts';

/** Looks for a service's worker, and asks what only the service's database can answer. */
export async function examineService(service: ServiceName, connected: Connected): Promise<Check[]> {
  const { concord } = connected;
  const questions = {
    orders: () => concord.list({ limit: 1 }),
    inventory: () => concord.stock([], { limit: 1 }),
  };
  const [workerName, serviceName] = [`${service} worker`, `${service} service`];
  const file = path.relative('', moduleFile(`../../../workers/${service}`, import.meta.url));
  const workerFix = isCompiled
    ? `run one: \`node ${file}\``
    : `run \`npm start\`, or this worker alone: \`npx tsx ${file}\``;
  const worker = await attempt(workerName, () => workerState(service, connected), workerFix);
  if (worker.status !== 'ok') return [worker, skipped(serviceName, 'not asked, because it has no worker')];
  const started = Date.now();
  try {
    await questions[service]();
    return [worker, ok(serviceName, `answers from its database, in ${Date.now() - started} ms`)];
  } catch (error) {
    if (isTimeout(error)) {
      const ghost = failed(workerName, `${worker.found}, but takes no task: it may have ended`, workerFix);
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

/** Says who polls. A worker has to poll for tasks of both types. */
async function workerState(service: ServiceName, connected: Connected): Promise<string> {
  const { default: proto } = await import('@temporalio/proto');
  const { TaskQueueType } = proto.temporal.api.enums.v1;
  const [workflows, activities] = await Promise.all([
    pollers(service, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW, connected),
    pollers(service, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY, connected),
  ]);
  if (workflows.length > 0 && activities.length > 0)
    return `${workflows.join(', ')} polls task queue ${service}`;
  throw new Error(`nobody polls task queue ${service}`);
}

// A worker asks for tasks at least once a minute; one that has not for longer is gone, though listed. Milliseconds.
const POLLER_LIFETIME = 90_000;

async function pollers(name: ServiceName, taskQueueType: number, { concord, target }: Connected) {
  const question = { namespace: target.namespace, taskQueue: { name }, taskQueueType };
  const { pollers } = await concord.client.workflowService.describeTaskQueue(question);
  const alive = (pollers ?? []).filter(
    ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1000 > Date.now() - POLLER_LIFETIME,
  );
  return [...new Set(alive.map(({ identity }) => identity || 'a worker'))];
}
