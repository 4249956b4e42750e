import type { Collection, Document, OptionalUnlessRequiredId } from 'mongodb';
import { MongoClient, MongoServerError } from 'mongodb';
import { defined } from '../../domain/defined.ts';
import { invalidInput } from '../../domain/validation.ts';

/**
 * Reads that decide something read only what can't be lost any more: with a weaker read, a failover could undo the write of
 * an earlier attempt after its successor had answered "already done". A read after a write that matched nothing must see
 * why. For that it needs the primary, and writes that count only when a majority has journaled them: `createMongoClient`
 * sets both, and `weakeningIn` keeps a connection string from taking them away.
 */
export const READ_COMMITTED = { readConcern: { level: 'majority' } } as const;

/** What bounds a client. By default, its pool is as the driver has it, and an answer takes 15 seconds. Milliseconds. */
export interface ClientLimits {
  /** How many connections it may open, and when a call fails while all are in use; a worker's come from its limits. */
  readonly size?: number;
  readonly waitLimit?: number;
  /** How long to wait for an answer; 0: for ever. */
  readonly answerLimit?: number;
}

/** Options that could take away a promise, each with the one value that it may have. (`retryWrites` can't: activities retry.) */
const NEEDED: Readonly<Record<string, string | undefined>> = {
  w: 'majority',
  journal: 'true',
  j: 'true',
  fsync: 'true',
  // With a timeout, a write could end without anybody knowing it to be durable.
  wtimeoutMS: undefined,
  wtimeout: undefined,
  readConcernLevel: 'majority',
  readPreference: 'primary',
  readPreferenceTags: undefined,
  maxStalenessSeconds: undefined,
};

/** Says what in a connection string takes away what Concord promises, and the fix; undefined if nothing does. */
export function weakeningIn(uri: string): string | undefined {
  const given = [...new URLSearchParams(uri.split('?')[1])];
  const fixes = Object.entries(NEEDED).flatMap(([option, needed]) => {
    const isWrong = ([name, value]: [string, string]) =>
      name.toLowerCase() === option.toLowerCase() && value !== needed;
    if (!given.some(isWrong)) return [];
    return needed === undefined ? `leave ${option} out` : `leave ${option} out, or use ${option}=${needed}`;
  });
  return fixes.length === 0 ? undefined : `${fixes.join('; ')}: no order is safe with less than a majority`;
}

/**
 * Creates a client whose every write is acknowledged only once it is durable on a majority of the replica set. It reconnects
 * by itself, except when `reviveWhenDeaf` must help; one whose first connection failed must be replaced (mongodb 7.9.0).
 *
 * @throws ConcordError `InvalidInput` if the connection string asks for less; some of it wins over our options.
 */
export function createMongoClient(uri: string, applicationName: string, limits: ClientLimits = {}) {
  const fix = weakeningIn(uri);
  if (fix !== undefined) throw invalidInput('connection string', fix);
  return new MongoClient(uri, {
    appName: applicationName,
    writeConcern: { w: 'majority', journal: true },
    readPreference: 'primary',
    // An attempt has ten seconds; a server that can't be found in three leaves the rest to the retry policy.
    serverSelectionTimeoutMS: 3_000,
    connectTimeoutMS: 3_000,
    socketTimeoutMS: limits.answerLimit ?? ANSWER_LIMIT,
    ...defined({ maxPoolSize: limits.size, waitQueueTimeoutMS: limits.waitLimit }),
  });
}

// Longer than an attempt: an answer that comes later serves nobody. Milliseconds.
const ANSWER_LIMIT = 15_000;

/** Returns true if the error says that a document of this `_id` is already there. */
export function isDuplicateKey(error: unknown): boolean {
  if (!(error instanceof MongoServerError)) return false;
  // FerretDB passes on PostgreSQL's own words if an upsert meets a taken `_id`.
  return error.code === 11_000 || error.message.startsWith('duplicate key value violates unique constraint');
}

/** Returns what a write returns, or null if it would insert a document whose `_id` is taken. */
export async function unlessTaken<Result>(write: () => Promise<Result>): Promise<Result | null> {
  try {
    return await write();
  } catch (error) {
    if (isDuplicateKey(error)) return null;
    throw error;
  }
}

/** Inserts the document and returns true, or returns false if its `_id` is taken. */
export async function insertUnlessPresent<Schema extends Document>(
  collection: Collection<Schema>,
  document: OptionalUnlessRequiredId<Schema>,
): Promise<boolean> {
  return (await unlessTaken(() => collection.insertOne(document))) !== null;
}
