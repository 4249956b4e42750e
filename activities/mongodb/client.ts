import {
  type Collection,
  type Document,
  MongoClient,
  MongoServerError,
  type OptionalUnlessRequiredId,
} from 'mongodb';

/**
 * Reads that decide something read only what can't be lost any more: with a weaker read, a failover could undo the
 * write of an earlier attempt after its successor had answered "already done".
 */
export const READ_COMMITTED = { readConcern: { level: 'majority' } } as const;

/** How many connections a client may open, and how long a call waits while all are in use. */
export interface PoolLimits {
  readonly size: number;
  /** After which the call fails, in milliseconds. */
  readonly waitLimit: number;
}

/**
 * A client whose every write is acknowledged only once it is durable on a majority of the replica set.
 * Once it has connected, it reconnects by itself, but for what `reviveWhenDeaf` is there for; one whose first connection
 * failed must be replaced (mongodb 7.9.0).
 *
 * @param pool A worker's comes from its limits; without it the driver's own defaults hold.
 */
export function createMongoClient(uri: string, applicationName: string, pool?: PoolLimits): MongoClient {
  return new MongoClient(uri, {
    appName: applicationName,
    writeConcern: { w: 'majority', journal: true },
    readPreference: 'primary',
    // An attempt has ten seconds; a server that can't be found in three leaves the rest to the retry policy.
    serverSelectionTimeoutMS: 3_000,
    connectTimeoutMS: 3_000,
    // Longer than an attempt: an answer that comes later serves nobody.
    socketTimeoutMS: 15_000,
    ...(pool === undefined ? {} : { maxPoolSize: pool.size, waitQueueTimeoutMS: pool.waitLimit }),
  });
}

/** True when the error says that a document of this `_id` is already there. */
export function isDuplicateKey(error: unknown): boolean {
  if (!(error instanceof MongoServerError)) return false;
  // FerretDB passes on PostgreSQL's own words where an upsert meets a taken `_id`.
  return error.code === 11_000 || error.message.startsWith('duplicate key value violates unique constraint');
}

/** Inserts the document and returns true, or returns false where its `_id` is taken. */
export async function insertUnlessPresent<Schema extends Document>(
  collection: Collection<Schema>,
  document: OptionalUnlessRequiredId<Schema>,
): Promise<boolean> {
  try {
    await collection.insertOne(document);
    return true;
  } catch (error) {
    if (isDuplicateKey(error)) return false;
    throw error;
  }
}
