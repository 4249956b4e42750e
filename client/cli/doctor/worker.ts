import path from 'node:path';
import type { ServiceName } from '../../../domain/services.ts';
import { isCompiled, moduleFile } from '../../../platform/compiled.ts';
import { runningTemporals } from '../shared/running-start.ts';
import type { Connected } from '../shared/session.ts';
import type { Target } from '../shared/target.ts';
import { type Check, failed, messageOf, ok } from './check.ts';

/** A version of a worker deployment; undefined stands for the workers without one. */
type Version = { readonly deploymentName: string; readonly buildId: string } | undefined;

interface Poller {
  readonly identity: string;
  readonly version: Version;
}

/** Who asks a service's task queue for work, and which version gets what is new there. */
export interface TaskQueue {
  readonly name: ServiceName;
  readonly workflows: readonly Poller[];
  readonly activities: readonly Poller[];
  readonly current: Version;
  /** Which version gets a share of it, in percent. */
  readonly ramping?: { readonly version: Version; readonly percentage: number } | undefined;
}

type Server = Pick<Target, 'address' | 'namespace'>;

/** Looks whether somebody polls who gets the service's work; and what there is if it turns out that those have ended. */
export async function examineWorker(
  service: ServiceName,
  { concord, target }: Connected,
): Promise<{ readonly worker: Check; readonly ifEnded: Check }> {
  try {
    const queue = await describe(service, concord, target);
    return { worker: judge(queue, target), ifEnded: judge(withoutCurrent(queue), target) };
  } catch (error) {
    const worker = failed(`${service} worker`, messageOf(error), missingWorkerFix(service, target));
    return { worker, ifEnded: worker };
  }
}

function withoutCurrent(queue: TaskQueue): TaskQueue {
  const { workflows, activities, current } = queue;
  const others = (pollers: readonly Poller[]) => pollers.filter(({ version }) => !isSame(version, current));
  return { ...queue, workflows: others(workflows), activities: others(activities) };
}

/** What to do about a worker that is not there: where its log is depends on what runs it. */
export function missingWorkerFix(service: ServiceName, { address }: Pick<Target, 'address'>): string {
  const file = path.relative('', moduleFile(`../../../workers/${service}`, import.meta.url));
  const alone = `this worker alone: \`${isCompiled ? 'node' : 'npx tsx'} ${file}\``;
  if (runningTemporals().some((running) => running.address === address))
    return `see what the running \`npm start\` prints, and start it again, or ${alone}`;
  const logs = `\`docker compose logs ${service}\`, \`kubectl --namespace concord logs deployment/concord-${service}\``;
  return `see its log (${logs}), or start ${alone}`;
}

/** All who get new work have to poll: the current version, and the one that gets a share. */
export function judge(queue: TaskQueue, server: Server): Check {
  const { name, current, ramping } = queue;
  const [worker, polling] = [`${name} worker`, whoPolls(queue)];
  if (!isServed(queue, current)) {
    if (current === undefined && versionsIn(queue).every((version) => version === undefined))
      return failed(worker, `nobody polls task queue ${name}`, missingWorkerFix(name, server));
    const found = `${polling ?? `nobody polls task queue ${name}`}; its new work is for ${label(current)}`;
    return failed(worker, found, currentFix(queue, server));
  }
  if (ramping !== undefined && !isServed(queue, ramping.version)) {
    const found = `${polling}; ${ramping.percentage} % of its new work is for ${label(ramping.version)}`;
    return failed(worker, found, rampingFix(queue, ramping.version, server));
  }
  return ok(worker, polling ?? '');
}

/** A worker has to poll for tasks of both types. */
function isServed({ workflows, activities }: TaskQueue, version: Version): boolean {
  return [workflows, activities].every((pollers) =>
    pollers.some((poller) => isSame(poller.version, version)),
  );
}

/** Names the pollers of each version; undefined if there are none. */
function whoPolls(queue: TaskQueue): string | undefined {
  const versions = versionsIn(queue);
  const groups = versions.map((version) => {
    const pollers = [...queue.workflows, ...queue.activities].filter((each) => isSame(each.version, version));
    const identities = [...new Set(pollers.map(({ identity }) => identity))].join(', ');
    const which = version === undefined ? 'without a version' : `as ${label(version)}`;
    const isWorthSaying = version !== undefined || queue.current !== undefined || versions.length > 1;
    return `${identities} polls task queue ${queue.name}${isWorthSaying ? ` ${which}` : ''}`;
  });
  return groups.length > 0 ? groups.join('; ') : undefined;
}

/** Either the version that is to get the work polls, or another one is to get it: the newest that polls, or none. */
function currentFix(queue: TaskQueue, server: Server): string {
  const { current } = queue;
  const versions = versionsIn(queue).filter((version) => !isSame(version, current));
  const newest = versions.find((version) => version !== undefined);
  const offers: Version[] = newest === undefined ? [] : [newest];
  if (current !== undefined && (newest === undefined || versions.includes(undefined))) offers.push(undefined);
  const others = offers.map((version) => {
    const deploymentName = version?.deploymentName ?? current?.deploymentName ?? '';
    return `give its work to ${label(version)}: \`${temporal('set-current-version', deploymentName, version, server)}\``;
  });
  return [`run ${label(current)}${howToRun(current)}`, ...others].join(', or ');
}

function rampingFix({ current }: TaskQueue, ramping: Version, server: Server): string {
  const deploymentName = ramping?.deploymentName ?? current?.deploymentName ?? '';
  const command = temporal('set-ramping-version', deploymentName, ramping, server);
  return `run ${label(ramping)}${howToRun(ramping)}, or end its share: \`${command} --delete\``;
}

function temporal(command: string, deploymentName: string, version: Version, server: Server): string {
  const choice = version === undefined ? '--unversioned' : `--build-id ${version.buildId}`;
  const { address, namespace } = server;
  return `temporal worker deployment ${command} --deployment-name ${deploymentName} ${choice} --address ${address} --namespace ${namespace}`;
}

function label(version: Version): string {
  return version === undefined
    ? 'workers without a version'
    : `version ${version.buildId} of ${version.deploymentName}`;
}

function howToRun(version: Version): string {
  if (version === undefined) return '';
  return ` (TEMPORAL_DEPLOYMENT_NAME=${version.deploymentName} TEMPORAL_WORKER_BUILD_ID=${version.buildId})`;
}

const isSame = (one: Version, other: Version) =>
  one?.deploymentName === other?.deploymentName && one?.buildId === other?.buildId;

/** The versions that poll, the newest first. */
function versionsIn({ workflows, activities }: TaskQueue): Version[] {
  const all = [...workflows, ...activities].map(({ version }) => version);
  const distinct = all.filter((one, index) => all.findIndex((other) => isSame(one, other)) === index);
  const order = (version: Version) => version?.buildId ?? '';
  return distinct.sort((one, other) => order(other).localeCompare(order(one), 'en', { numeric: true }));
}

async function describe(
  name: ServiceName,
  concord: Connected['concord'],
  { namespace }: Server,
): Promise<TaskQueue> {
  const { default: proto } = await import('@temporalio/proto');
  const { TaskQueueType, WorkerVersioningMode } = proto.temporal.api.enums.v1;
  const ask = async (taskQueueType: number) => {
    const question = { namespace, taskQueue: { name }, taskQueueType };
    const { pollers, versioningInfo } = await concord.client.workflowService.describeTaskQueue(question);
    const alive = pollers.filter(
      ({ lastAccessTime }) => Number(lastAccessTime?.seconds ?? 0) * 1_000 > Date.now() - POLLER_LIFETIME,
    );
    const read = alive.map(({ identity, deploymentOptions: options }) => {
      const isVersioned =
        options?.workerVersioningMode === WorkerVersioningMode.WORKER_VERSIONING_MODE_VERSIONED;
      return { identity: identity || 'a worker', version: isVersioned ? versionOf(options) : undefined };
    });
    return { pollers: read, versioningInfo };
  };
  const [workflows, activities] = await Promise.all([
    ask(TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    ask(TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
  ]);
  // The task queue knows what is current also where a worker without a version names no deployment that could be asked.
  const { versioningInfo } = workflows;
  const percentage = versioningInfo?.rampingVersionPercentage ?? 0;
  const ramping = { version: versionOf(versioningInfo?.rampingDeploymentVersion), percentage };
  return {
    name,
    workflows: workflows.pollers,
    activities: activities.pollers,
    current: versionOf(versioningInfo?.currentDeploymentVersion),
    ramping: percentage > 0 ? ramping : undefined,
  };
}

// A worker asks for tasks at least once a minute; one that has not for longer is gone, though listed. Milliseconds.
const POLLER_LIFETIME = 90_000;

/** As Temporal's messages hold it. */
interface NamedVersion {
  readonly deploymentName?: string | null;
  readonly buildId?: string | null;
}

function versionOf(named: NamedVersion | null | undefined): Version {
  const { deploymentName, buildId } = named ?? {};
  return deploymentName && buildId ? { deploymentName, buildId } : undefined;
}
