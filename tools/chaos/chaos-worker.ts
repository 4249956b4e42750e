import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceName } from '../../workers/services.ts';
import { signal } from '../servers/processes.ts';
import type { ServerProcess, Supervisor } from '../servers/supervisor.ts';

/** A service's worker process, which is started again whenever it ends. */
export interface ChaosWorker {
  /** Where it logs. */
  readonly log: string;
  /** The process that runs now; undefined between two of them. */
  process(): ServerProcess | undefined;
  /** Makes its clock wrong by so many milliseconds. */
  setClock(offset: number): void;
}

// A worker that fails at once must not be restarted in a tight loop. Milliseconds.
const RESTART_DELAY = 500;

/** @param stopping Aborted before the supervisor is stopped: then nothing is started any more. */
export async function startChaosWorker(options: {
  name: ServiceName;
  supervisor: Supervisor;
  directory: string;
  environment: Readonly<Record<string, string>>;
  clockFile: string;
  stopping: AbortSignal;
}): Promise<ChaosWorker> {
  const { name, supervisor, directory, environment, clockFile, stopping } = options;
  const log = path.join(directory, `${name}-worker.log`);
  let current: ServerProcess | undefined;
  const start = async () => {
    const started = await supervisor.start({
      name: `${name}-worker`,
      command: process.execPath,
      args: ['--import', tsx, entry, name],
      environment,
      directory,
      // At the end of a run there is nothing left to finish.
      stopSignal: 'SIGKILL',
    });
    current = started;
    void started.exited.then(() => {
      current = undefined;
      setTimeout(() => {
        if (!stopping.aborted) void start();
      }, RESTART_DELAY);
    });
  };
  await start();
  return {
    log,
    process: () => current,
    setClock(offset) {
      writeFileSync(clockFile, String(offset));
      if (current !== undefined) signal(current.identity.pid, 'SIGUSR2');
    },
  };
}

const tsx = import.meta.resolve('tsx');
const entry = fileURLToPath(new URL('faulty-worker.ts', import.meta.url));
