import { once } from 'node:events';
import { createServer } from 'node:http';
import type { NativeConnection, Worker } from '@temporalio/worker';
import type { MongoClient } from 'mongodb';
import { within } from '../platform/time-limit.ts';
import type { Service } from './services.ts';
import type { Address } from './settings.ts';

/** A service that this process hosts. */
export interface Hosted {
  readonly service: Pick<Service, 'name' | 'workflowsPath'>;
  readonly worker: Pick<Worker, 'getState' | 'getStatus' | 'run' | 'shutdown'>;
  readonly mongo: Pick<MongoClient, 'db' | 'close'>;
}

/** The parts that run so far; none while this process still waits for its servers. */
export interface Started {
  connection?: Pick<NativeConnection, 'withDeadline' | 'workflowService'>;
  hosted: readonly Hosted[];
}

export const hasEnded = ({ worker }: Hosted): boolean => ['STOPPED', 'FAILED'].includes(worker.getState());

/** How long a check waits for a server, in milliseconds. (The driver's own `timeoutMS` has no effect: mongodb 7.9.0.) */
export const PATIENCE = 1_500;

/** The questions about a process, whatever runs in it by then. One that can't be answered is answered with no. */
export function healthChecks(started: Started) {
  const isRunning = () =>
    started.hosted.length > 0 && started.hosted.every(({ worker }) => worker.getState() === 'RUNNING');
  const databasesAnswer = asked(() => Promise.all(started.hosted.map(({ mongo }) => ping(mongo))));
  const temporalAnswers = asked(async () => {
    const { connection } = started;
    await connection?.withDeadline(Date.now() + PATIENCE, () => connection.workflowService.getSystemInfo({}));
  });
  return {
    /** `GET /live`: whether it is of use to let this process run. Never depends on a server: a restart brings none back. */
    live: () => !started.hosted.some(hasEnded),
    /** `GET /ready`: whether it polls, and Temporal and its database answer. */
    async ready() {
      if (!isRunning()) return false;
      await Promise.all([databasesAnswer(), temporalAnswers()]);
      return started.hosted.every(isPolling);
    },
    /** `GET /health`: whether it runs, and its database answers. */
    async health() {
      if (!isRunning()) return false;
      await databasesAnswer();
      return isRunning();
    },
  };
}

/** Asks one question at a time, so that a server that hangs is not asked again by each probe: who comes meanwhile waits along. */
function asked(question: () => Promise<unknown>): () => Promise<unknown> {
  let open: Promise<unknown> | undefined;
  return () => {
    open ??= within(PATIENCE, question).finally(() => {
      open = undefined;
    });
    return open;
  };
}

/** Gives its connection up with the question; another would be opened for the next. */
function ping(mongo: Hosted['mongo']): Promise<unknown> {
  return mongo.db('admin').command({ ping: 1 }, { signal: AbortSignal.timeout(PATIENCE) });
}

function isPolling({ service, worker }: Hosted): boolean {
  const { workflowPollerState, activityPollerState } = worker.getStatus();
  const runsNoWorkflows = service.workflowsPath === undefined;
  return activityPollerState === 'POLLING' && (runsNoWorkflows || workflowPollerState === 'POLLING');
}

/** Answers each check with 200 while it says so, else with 503. Returns once it listens; throws if the port is taken. */
export async function serveHealth({ host, port }: Address, checks: ReturnType<typeof healthChecks>) {
  const server = createServer(async ({ url }, response) => {
    const name = (['live', 'ready', 'health'] as const).find((name) => url === `/${name}`);
    if (name === undefined) return void response.writeHead(404).end();
    const ok = await Promise.resolve()
      .then<boolean>(checks[name])
      .catch(() => false);
    response
      .writeHead(ok ? 200 : 503, { 'content-type': 'application/json' })
      .end(JSON.stringify({ [name === 'health' ? 'healthy' : name]: ok }));
  }).listen(port, host);
  await once(server, 'listening');
  return server;
}
