import { createEnding } from './ending.ts';
import type { Report } from './report.ts';
import type { ServerProcess, Supervisor } from './supervisor.ts';

export interface ServerOptions {
  readonly supervisor: Supervisor;
  readonly directory: string;
  /** Whether the data must survive a restart, and a crash of the machine. */
  readonly keepData: boolean;
  readonly report: Report;
  readonly port?: number;
}

export type LocalServer = ReturnType<typeof localServer>;

/** A server on loopback that we run. @param processes In order of start; the last one answers clients. */
export function localServer(port: number, origin: string, processes: readonly ServerProcess[]) {
  const pid = processes.at(-1)?.identity.pid ?? 0;
  return {
    address: `127.0.0.1:${port}`,
    port,
    origin,
    processes,
    pid,
    /** Ends it; its data stays, so that it can be started again on the same port and directory. Idempotent. */
    async stop(): Promise<void> {
      const { cleanUp, endAll } = createEnding();
      for (const { stop } of processes) cleanUp(stop);
      await endAll();
    },
  };
}

/** Whether a MongoDB answers at `uri` and takes a write; a `hello` alone says nothing of the storage behind it. */
export async function takesWrites(uri: string): Promise<boolean> {
  const { MongoClient } = await import('mongodb'); // not before the server starts, which takes longer
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 500, socketTimeoutMS: 5000 });
  try {
    const database = client.db('concord_ready');
    await database.command({ hello: 1 });
    const probes = database.collection<{ _id: string }>('probe');
    await probes.updateOne({ _id: 'probe' }, { $set: { at: new Date() } }, { upsert: true });
    return true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}
