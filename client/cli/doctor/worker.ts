import path from 'node:path';
import type { temporal } from '@temporalio/proto';
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
export async function examineWorker(service: ServiceName, connected: Connected) {
  const { target } = connected;
  try {
    const queue = await describe(service, connected);
    return { worker: judge(queue, target), ifEnded: judgeEnded(queue, target) };
  } catch (error) {
    const worker = failed(`${service} worker`, messageOf(error), missingWorkerFix(service, target));
    return { worker, ifEnded: worker };
  }
}

/** What to do if those who get new work have ended, though all of them are listed for a while longer. */
export function judgeEnded(queue: TaskQueue, server: Server): Check {
  const { current, ramping } = queue;
  if (ramping === undefined) return judge(without(current, queue), server);
  // Either may have ended, so neither is offered as the one to get the other's work.
  const check = judge(without(ramping.version, queue), server);
  return { ...check, fix: `${check.fix}; and ${howToRun(current)} if that has ended` };
}

function without(version: Version, { workflows, activities, ...queue }: TaskQueue): TaskQueue {
  const isOther = (poller: Poller) => !isSame(poller.version, version);
  return { ...queue, workflows: workflows.filter(isOther), activities: activities.filter(isOther) };
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
  const worker = `${name} worker`;
  const missing = (version: Version, share: string, otherFix: string) => {
    const found = `${whoPolls(queue)}; ${share} is for ${label(version)}`;
    return failed(worker, found, `${howToRun(version)}, or ${otherFix}`);
  };
  if (!isServed(queue, current)) {
    if ([current, ...versionsIn(queue)].every((version) => version === undefined))
      return failed(worker, nobodyPolls(queue), missingWorkerFix(name, server));
    return missing(current, 'its new work', otherVersionsFix(queue, server));
  }
  if (ramping !== undefined && !isServed(queue, ramping.version)) {
    const command = temporalCommand('set-ramping-version', ramping.version, queue, server);
    const share = `${ramping.percentage} % of its new work`;
    return missing(ramping.version, share, `end its share: \`${command} --delete\``);
  }
  return ok(worker, whoPolls(queue));
}

/** A worker has to poll for tasks of both types. */
function isServed({ workflows, activities }: TaskQueue, version: Version): boolean {
  const isPoller = (poller: Poller) => isSame(poller.version, version);
  return workflows.some(isPoller) && activities.some(isPoller);
}

function whoPolls(queue: TaskQueue): string {
  const versions = versionsIn(queue);
  const groups = versions.map((version) => {
    const pollers = [...queue.workflows, ...queue.activities].filter((each) => isSame(each.version, version));
    const identities = [...new Set(pollers.map(({ identity }) => identity))].join(', ');
    const which = version === undefined ? 'without a version' : `as ${label(version)}`;
    const isWorthSaying = version !== undefined || queue.current !== undefined || versions.length > 1;
    return `${identities} polls task queue ${queue.name}${isWorthSaying ? ` ${which}` : ''}`;
  });
  return groups.join('; ') || nobodyPolls(queue);
}

const nobodyPolls = ({ name }: TaskQueue) => `nobody polls task queue ${name}`;

/** Whom else to give the work: the newest version that polls, and the workers without one if they poll or nobody does. */
function otherVersionsFix(queue: TaskQueue, server: Server): string {
  const [newest, ...others] = versionsIn(queue).filter((version) => !isSame(version, queue.current));
  const offers = [newest, ...others.filter((version) => version === undefined)].map((version) => {
    const command = temporalCommand('set-current-version', version, queue, server);
    return `give its work to ${label(version)}: \`${command}\``;
  });
  return offers.join(', or ');
}

function temporalCommand(verb: string, version: Version, { current }: TaskQueue, server: Server): string {
  const deployment = (version ?? current)?.deploymentName;
  const choice = version === undefined ? '--unversioned' : `--build-id ${version.buildId}`;
  const { address, namespace } = server;
  return `temporal worker deployment ${verb} --deployment-name ${deployment} ${choice} --address ${address} --namespace ${namespace}`;
}

function label(version: Version): string {
  return version ? `version ${version.buildId} of ${version.deploymentName}` : 'workers without a version';
}

function howToRun(version: Version): string {
  const run = `run ${label(version)}`;
  if (version === undefined) return run;
  return `${run} (TEMPORAL_DEPLOYMENT_NAME=${version.deploymentName} TEMPORAL_WORKER_BUILD_ID=${version.buildId})`;
}

const isSame = (one: Version, other: Version) => label(one) === label(other);

/** The versions that poll, the newest first, workers without one last. */
function versionsIn({ workflows, activities }: TaskQueue): Version[] {
  const distinct = new Map([...workflows, ...activities].map(({ version }) => [label(version), version]));
  const { compare } = new Intl.Collator('en', { numeric: true });
  return [...distinct.values()].sort((one, other) => compare(other?.buildId ?? '', one?.buildId ?? ''));
}

async function describe(name: ServiceName, { concord, target }: Connected): Promise<TaskQueue> {
  const { default: proto } = await import('@temporalio/proto');
  const { TASK_QUEUE_TYPE_WORKFLOW, TASK_QUEUE_TYPE_ACTIVITY } = proto.temporal.api.enums.v1.TaskQueueType;
  const ask = (taskQueueType: number) => {
    const question = { namespace: target.namespace, taskQueue: { name }, taskQueueType };
    return concord.client.workflowService.describeTaskQueue(question);
  };
  const workflows = await ask(TASK_QUEUE_TYPE_WORKFLOW);
  const activities = await ask(TASK_QUEUE_TYPE_ACTIVITY);
  // The task queue knows what is current also where a worker without a version names no deployment that could be asked.
  const { versioningInfo } = workflows;
  const percentage = versioningInfo?.rampingVersionPercentage ?? 0;
  const ramping = { version: versionOf(versioningInfo?.rampingDeploymentVersion), percentage };
  return {
    name,
    workflows: livingPollers(workflows.pollers),
    activities: livingPollers(activities.pollers),
    current: versionOf(versioningInfo?.currentDeploymentVersion),
    ramping: percentage > 0 ? ramping : undefined,
  };
}

function livingPollers(pollers: readonly temporal.api.taskqueue.v1.IPollerInfo[]): Poller[] {
  const since = Date.now() - POLLER_LIFETIME;
  const living = pollers.filter(({ lastAccessTime }) => Number(lastAccessTime?.seconds) * 1_000 > since);
  return living.map(({ identity, deploymentOptions: version }) => {
    return { identity: identity || 'a worker', version: versionOf(version) };
  });
}

// A worker asks for tasks at least once a minute; one that has not for longer is gone, though listed. Milliseconds.
const POLLER_LIFETIME = 90_000;

/** Workers without a version name a build at most. */
function versionOf(named: temporal.api.deployment.v1.IWorkerDeploymentVersion | null | undefined): Version {
  const { deploymentName, buildId } = named ?? {};
  return deploymentName && buildId ? { deploymentName, buildId } : undefined;
}
