import type { WorkerOptions } from '@temporalio/worker';
import { z } from 'zod';
import { policies } from '../domain/policies.ts';
import { workerVariables } from '../platform/settings/variables.ts';

/** The few figures that size a worker; everything else is derived from them here, so that it fits together. */
export type WorkerLimits = Readonly<ReturnType<typeof limitsIn>>;

const environment = z.object(workerVariables);

export function limitsIn(read: z.output<typeof environment>) {
  return {
    /** How many activities run at once, and so how many MongoDB connections are used. */
    activities: read.MAXIMUM_ACTIVITIES,
    /** How many workflow tasks run at once; from 2. */
    workflowTasks: read.MAXIMUM_WORKFLOW_TASKS,
    /** How many workflows stay in memory between their tasks; not fewer than the tasks. Others are replayed when needed. */
    cachedWorkflows: read.CACHED_WORKFLOWS,
    /** How many polls of each kind wait for work at most; from 2. */
    pollers: read.MAXIMUM_POLLERS,
  };
}

/** The limits of a worker that is told nothing else. */
export const DEFAULT_LIMITS = limitsIn(environment.parse({}));

/** A worker's limits in the SDK's words. */
export function slotsOf({ activities, workflowTasks, cachedWorkflows, pollers }: WorkerLimits) {
  return {
    maxConcurrentActivityTaskExecutions: activities,
    maxConcurrentWorkflowTaskExecutions: workflowTasks,
    maxCachedWorkflows: cachedWorkflows,
    activityTaskPollerBehavior: pollersUpTo(Math.min(pollers, activities)),
    workflowTaskPollerBehavior: pollersUpTo(Math.min(pollers, workflowTasks)),
  } satisfies Partial<WorkerOptions>;
}

/**
 * As many polls as the server says that there is work for. A poll takes a slot before it asks, so more polls than slots would
 * only wait for one another.
 */
const pollersUpTo = (maximum: number) =>
  ({ type: 'autoscaling', initial: Math.min(INITIAL, maximum), maximum }) as const;

const INITIAL = 5;

/**
 * The MongoDB pool of a worker: a connection for each activity, and one for its health checks, which would otherwise wait
 * behind the activities and have a busy worker restarted. An activity that settles several lines at once uses more, and waits
 * for them no longer than another one's write takes.
 */
export function poolOf({ activities }: WorkerLimits) {
  return { size: activities + 1, waitLimit: POOL_WAIT };
}

// Shorter than the shortest attempt, so that an activity fails and says why before Temporal gives it up, and longer than it
// takes to notice that no connection can be made. Milliseconds.
const POOL_WAIT = Math.min(...Object.values(policies).map(({ attempt }) => attempt)) - 1_000;
