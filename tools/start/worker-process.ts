import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Concord } from '../../client/concord.ts';
import { nodeArguments } from '../../platform/compiled.ts';
import type { ServiceName } from '../../workers/services.ts';
import { createKeptProcess, hasEnded, polls } from '../measure/worker-launcher.ts';
import { ServersError } from '../servers/attempts.ts';
import { endpointsOf } from '../servers/ports.ts';
import type { Report } from '../servers/report.ts';
import { tail } from '../servers/supervisor.ts';

export type WorkerProcess = ReturnType<typeof prepareWorker>;

type Environment = Readonly<Record<string, string>>;

interface Preparation {
  readonly name: ServiceName;
  readonly directory: string;
  readonly report: Report;
  readonly environment?: Environment;
}

/** Starts the process of a service's worker, which loads and bundles what it is to run while its servers still start. */
export function prepareWorker({ name, directory, report, environment: known }: Preparation) {
  let told: Environment | undefined;
  let isUp = false;
  const tell = (child: ChildProcess) => {
    // A process that has ended already is noticed by its exit.
    if (told !== undefined) child.send(told, () => {});
  };
  const { log, launch, child, end } = createKeptProcess({
    ...{ name, directory, onLaunch: tell },
    program: [...nodeArguments(), WORKER, name],
    environment: { ...known, CONCORD_ENDS_WITH_PARENT: '1' },
    onEnd(how) {
      if (isUp) report.note(`The ${name} worker ended (${how}); starting it again`);
      return isUp;
    },
  });
  const first = launch();
  const stop = () => end('SIGTERM');
  return {
    get pid(): number | undefined {
      return child()?.pid;
    },
    /** Ends it gracefully; then it is started again, with the code as it is by then. */
    restart: () => void child()?.kill('SIGTERM'),
    /** Ends it gracefully, also before it was started. Idempotent. */
    stop,
    kill: () => end('SIGKILL'),
    /** Resolves when it polls; from then on it is started again when it ends unasked. @throws {ServersError} */
    async start(environment: Environment, concord: Concord): Promise<void> {
      const step = report.step(`Starting the ${name} worker (log: ${log})`);
      told = environment;
      tell(first);
      try {
        await untilItPolls(name, concord, first, log);
      } catch (error) {
        step.failed('it did not start');
        await stop();
        throw error;
      }
      isUp = true;
      const where = endpointsOf({ ...process.env, ...known, ...environment });
      step.done(`The ${name} worker runs (${[`process ${first.pid}`, `log: ${log}`, ...where].join(', ')})`);
    },
  };
}

// Milliseconds.
const POLL_INTERVAL = 100;
const START_LIMIT = 60_000;
const WORKER = fileURLToPath(new URL('hosted-worker.ts', import.meta.url));

async function untilItPolls(name: ServiceName, { client }: Concord, child: ChildProcess, log: string) {
  for (const deadline = Date.now() + START_LIMIT; Date.now() < deadline; await delay(POLL_INTERVAL)) {
    if (hasEnded(child)) {
      const end = await tail(log);
      throw new ServersError(`The ${name} worker ended while starting.\n${end}`);
    }
    if (await polls(client, name, child.pid)) return;
  }
  throw new ServersError(`The ${name} worker did not start within ${START_LIMIT / 1000} s; its log: ${log}`);
}
