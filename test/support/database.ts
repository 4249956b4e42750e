import { randomUUID } from 'node:crypto';
import type { Db } from 'mongodb';
import { inject } from 'vitest';
import { createMongoClient } from '../../activities/mongodb/client.ts';

export interface TestDatabase extends AsyncDisposable {
  readonly database: Db;
}

/** A database of its own on the shared MongoDB, dropped at the end. */
export async function openDatabase(): Promise<TestDatabase> {
  const client = createMongoClient(inject('mongodbUri'), 'concord-test');
  const database = client.db(`test_${randomUUID().slice(0, 8)}`);
  return {
    database,
    async [Symbol.asyncDispose]() {
      await database.dropDatabase();
      await client.close();
    },
  };
}
