import type { ServerProcess } from './supervisor.ts';

/** A MongoDB, or a server that speaks its protocol, that we run. */
export type MongoDBServer = {
  /** host:port. */
  readonly address: string;
  readonly uri: string;
  /** One line for people: which program this is. */
  readonly origin: string;
  readonly port: number;
  /** The process that answers clients. */
  readonly pid: number;
  /** Everything that runs for it, in order of start. */
  readonly processes: readonly ServerProcess[];
  /** Ends the server; its data stays, so that it can be started again on the same port and directory. Idempotent. */
  stop(): Promise<void>;
};

/** Whether a MongoDB answers at `uri` and takes a write; a `hello` alone says nothing of the storage behind it. */
export async function takesWrites(uri: string): Promise<boolean> {
  const { MongoClient } = await import('mongodb'); // not before the server starts, which takes longer
  const client = new MongoClient(uri, { serverSelectionTimeoutMS: 500, socketTimeoutMS: 5000 });
  try {
    const database = client.db('concord_ready');
    await database.command({ hello: 1 });
    await database
      .collection<{ _id: string }>('probe')
      .updateOne({ _id: 'probe' }, { $set: { at: new Date() } }, { upsert: true });
    return true;
  } catch {
    return false;
  } finally {
    await client.close();
  }
}
