import type { Db, Document } from 'mongodb';

/** What a service's queries need that are not by `_id`, by collection. */
export type Indexes = Readonly<Record<string, readonly Index[]>>;

export interface Index {
  readonly key: Readonly<Record<string, 1 | -1>>;
  /** Which documents are in it; all by default. */
  readonly partialFilterExpression?: Document;
}

/** Finds what was left behind. Only documents whose outbox is full are in it, so it stays small, and most writes leave it alone. */
export const FULL_OUTBOXES: Index = {
  key: { 'outbox.0': 1 },
  partialFilterExpression: { 'outbox.0': { $exists: true } },
};

/** Creates those that are missing, and throws the first failure at the end. Safe to repeat. (FerretDB stops writers meanwhile.) */
export async function ensureIndexes(database: Db, indexes: Indexes): Promise<void> {
  let failure: Error | undefined;
  // One after the other: each build reads its whole collection.
  for (const [name, wanted] of Object.entries(indexes)) {
    for (const { key, ...options } of wanted) {
      try {
        await database.collection(name).createIndex({ ...key }, options);
      } catch (cause) {
        failure ??= new Error(`no index of ${name} by ${Object.keys(key).join(', ')}`, { cause });
      }
    }
  }
  if (failure !== undefined) throw failure;
}
