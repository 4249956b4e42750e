import type { Report } from './report.ts';
import type { ServerProcess, Supervisor } from './supervisor.ts';

export interface ServerOptions {
  readonly supervisor: Supervisor;
  /** Where the log goes, and the data. */
  readonly directory: string;
  /** Whether the data must survive a restart, and a crash of the machine. */
  readonly keepData: boolean;
  readonly report: Report;
  /** Default: a free one. */
  readonly port?: number;
}

/** A server on loopback that we run. */
export interface LocalServer {
  /** host:port */
  readonly address: string;
  readonly port: number;
  /** One line for people: which program this is. */
  readonly origin: string;
  /** The process that answers clients; the last of all that run for it, which are in order of start. */
  readonly pid: number;
  readonly processes: readonly ServerProcess[];
  /** Ends the server; its data stays, so that it can be started again on the same port and directory. Idempotent. */
  stop(): Promise<void>;
}

export function localServer(port: number, origin: string, processes: readonly ServerProcess[]): LocalServer {
  return {
    ...{ address: `127.0.0.1:${port}`, port, origin, processes },
    pid: processes.at(-1)?.identity.pid ?? 0,
    async stop() {
      for (const { stop } of [...processes].reverse()) await stop();
    },
  };
}

/** A MongoDB, or a server that speaks its protocol. */
export interface MongoDBServer extends LocalServer {
  readonly uri: string;
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
