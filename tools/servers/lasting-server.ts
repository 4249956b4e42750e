import pRetry from 'p-retry';
import { findMongoDB, startMongoDB } from './mongodb.ts';
import { signal } from './pause.ts';
import { type Report, silentReport } from './report.ts';
import type { ServerProcess, Supervisor } from './supervisor.ts';
import { findTemporal, startTemporal } from './temporal.ts';

/** A server that keeps its address and its data, whatever is done to it. */
export interface ChaosServer {
  /** host:port */
  readonly address: string;
  /** What runs for it now, in order of start. */
  processes(): readonly ServerProcess[];
  /** Ends it in good order and starts it again. */
  restart(): Promise<void>;
  /**
   * Ends what answers clients without a warning, and starts everything again. A storage behind it (FerretDB's
   * PostgreSQL) ends in good order: what DocumentDB does after a crash of its own is not what is tested here.
   */
  kill(): Promise<void>;
}

interface Options {
  readonly supervisor: Supervisor;
  readonly directory: string;
  readonly report: Report;
}

/** Temporal, with its data in a file. @throws {ServersError} */
export async function startChaosTemporal({ report, ...options }: Options): Promise<ChaosServer> {
  const program = await findTemporal(report);
  const first = await startTemporal({ ...options, program, keepData: true, report });
  const { port, uiPort } = first;
  return survivor(first, () =>
    startTemporal({ ...options, program, keepData: true, report: silentReport, port, uiPort }),
  );
}

/** MongoDB, or what speaks its protocol here. @throws {ServersError} */
export async function startChaosMongoDB({ report, ...options }: Options): Promise<ChaosServer> {
  const program = await findMongoDB(report);
  // Its processes are killed, not the machine, so nothing is lost that the operating system has been given.
  const keepData = false;
  const first = await startMongoDB({ ...options, program, keepData, report });
  const { port } = first;
  return survivor(first, () => startMongoDB({ ...options, program, keepData, report: silentReport, port }));
}

interface Running {
  readonly address: string;
  readonly processes: readonly ServerProcess[];
  stop(): Promise<void>;
}

function survivor(first: Running, startAgain: () => Promise<Running>): ChaosServer {
  let current = first;
  const start = async () => {
    // What it had open may take a moment to be free again.
    current = await pRetry(startAgain, { retries: 5, minTimeout: 500 });
  };
  return {
    address: first.address,
    processes: () => current.processes,
    async restart() {
      await endInOrder(current);
      await start();
    },
    async kill() {
      const front = current.processes.at(-1);
      if (front !== undefined) signal(front.identity.pid, 'SIGKILL');
      await front?.exited;
      await endInOrder(current);
      await start();
    },
  };
}

/** The guard tells processes apart by name: the old one's end must be known before a new one begins. */
async function endInOrder({ processes, stop }: Running): Promise<void> {
  await stop();
  await Promise.all(processes.map(({ exited }) => exited));
}
