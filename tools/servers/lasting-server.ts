import pRetry from 'p-retry';
import type { LocalServer, ServerOptions } from './local-server.ts';
import { startMongoDB } from './mongodb.ts';
import { silentReport } from './report.ts';
import { startTemporal } from './temporal.ts';

/** A server that keeps its address and its data, whatever is done to it. */
export type ChaosServer = ReturnType<typeof survivor>;

type Options = Pick<ServerOptions, 'supervisor' | 'directory' | 'report'>;

export async function startChaosTemporal(given: Options): Promise<ChaosServer> {
  const options = { ...given, keepData: true };
  const first = await startTemporal(options);
  const { port, uiPort } = first;
  return survivor(first, () => startTemporal({ ...options, report: silentReport, port, uiPort }));
}

export async function startChaosMongoDB(given: Options): Promise<ChaosServer> {
  // Its processes are killed, not the machine, so nothing is lost that the operating system has been given.
  const options = { ...given, keepData: false };
  const first = await startMongoDB(options);
  return survivor(first, () => startMongoDB({ ...options, report: silentReport, port: first.port }));
}

function survivor(first: LocalServer, startAgain: () => Promise<LocalServer>) {
  let current = first;
  const restart = async () => {
    await current.stop();
    // Its ports may take a moment to be free again.
    current = await pRetry(startAgain, { retries: 5, minTimeout: 500 });
  };
  return {
    address: first.address,
    /** In order of start; the last one answers clients. */
    processes: () => current.processes,
    restart,
    /** Kills what answers clients, and not a storage behind it: DocumentDB's own recovery is not tested here. */
    async kill(): Promise<void> {
      await current.processes.at(-1)?.kill();
      await restart();
    },
  };
}
