import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { runInNewContext } from 'node:vm';
import { type Document, MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// The users of a deployment, as deploy/mongodb/create-users.js creates them: each service reaches its own database only.

const script = new URL('../../../deploy/mongodb/create-users.js', import.meta.url);
const administrator = process.env.MONGODB_URI;
const services = ['orders', 'inventory'] as const;

interface CreatedUser {
  readonly database: string;
  readonly user: string;
  readonly pwd: string;
  readonly roles: readonly Document[];
}

/** What the script asks MongoDB for, without mongosh. */
async function createdUsers(env: Readonly<Record<string, string>>): Promise<CreatedUser[]> {
  const created: CreatedUser[] = [];
  const getSiblingDB = (database: string) => ({
    createUser: (user: Omit<CreatedUser, 'database'>) => created.push({ database, ...user }),
  });
  runInNewContext(await readFile(script, 'utf8'), { db: { getSiblingDB }, process: { env } });
  // What comes out of another context has another context's prototypes.
  return JSON.parse(JSON.stringify(created));
}

const passwords = { ORDERS_MONGODB_PASSWORD: 'one', INVENTORY_MONGODB_PASSWORD: 'two' };

describe('the users of a deployment', () => {
  test('have one role each, in one database each', async () => {
    expect(await createdUsers(passwords)).toEqual([
      { database: 'orders', user: 'orders', pwd: 'one', roles: [{ role: 'readWrite', db: 'orders' }] },
      {
        database: 'inventory',
        user: 'inventory',
        pwd: 'two',
        roles: [{ role: 'readWrite', db: 'inventory' }],
      },
    ]);
  });

  test.each(Object.keys(passwords))('are not created without %s', async (variable) => {
    await expect(createdUsers({ ...passwords, [variable]: '' })).rejects.toThrow(`${variable} is missing`);
  });
});

/** Why what follows can't be tried here, or undefined. */
async function obstacle(): Promise<string | undefined> {
  if (!administrator) return 'MONGODB_URI names no mongod with access control';
  const client = new MongoClient(administrator, { serverSelectionTimeoutMS: 3_000 });
  try {
    const { parsed } = await client.db('admin').command({ getCmdLineOpts: 1 });
    const { authInfo } = await client.db('admin').command({ connectionStatus: 1 });
    if (parsed?.security?.authorization !== 'enabled' && parsed?.security?.keyFile === undefined) {
      return 'the server that MONGODB_URI names has no access control';
    }
    return authInfo.authenticatedUsers.length === 0 ? 'MONGODB_URI names no user' : undefined;
  } catch (error) {
    return `the server that MONGODB_URI names does not tell: ${error}`;
  } finally {
    await client.close();
  }
}

const reason = await obstacle();

describe.skipIf(reason !== undefined)(
  `on a server with access control${reason ? ` (skipped: ${reason})` : ''}`,
  () => {
    // Databases of their own, so that a deployment's are not touched.
    const suffix = randomUUID().slice(0, 8);
    const nameOf = (service: string) => `${service}_${suffix}`;
    const clients: MongoClient[] = [];

    function connect(uri: string): MongoClient {
      const client = new MongoClient(uri);
      clients.push(client);
      return client;
    }

    function connectAs(service: string): MongoClient {
      const uri = new URL(administrator ?? '');
      uri.username = service;
      uri.password = 'secret';
      uri.pathname = `/${nameOf(service)}`;
      uri.searchParams.delete('authSource');
      return connect(uri.href);
    }

    let root: MongoClient;

    beforeAll(async () => {
      root = connect(administrator ?? '');
      for (const { database, user, roles } of await createdUsers(passwords)) {
        await root.db(nameOf(database)).command({
          createUser: user,
          pwd: 'secret',
          roles: roles.map(({ role, db }) => ({ role, db: nameOf(db) })),
        });
      }
    });

    afterAll(async () => {
      for (const service of services) {
        await root.db(nameOf(service)).command({ dropAllUsersFromDatabase: 1 });
        await root.db(nameOf(service)).dropDatabase();
      }
      await Promise.all(clients.map((client) => client.close()));
    });

    test.each([
      ['orders', 'inventory'],
      ['inventory', 'orders'],
    ])('%s reads and writes its own database, and nothing of %s', async (own, other) => {
      const client = connectAs(own);
      await client.db(nameOf(own)).collection('documents').insertOne({ own });
      expect(await client.db(nameOf(own)).collection('documents').countDocuments()).toBe(1);
      const foreign = client.db(nameOf(other));
      const administration = client.db('admin');
      for (const attempt of [
        () => foreign.collection('documents').findOne(),
        () => foreign.collection('documents').insertOne({ own }),
        () => foreign.dropDatabase(),
        () => foreign.command({ createUser: 'more', pwd: 'more', roles: [] }),
        () =>
          client
            .db(nameOf(own))
            .command({ grantRolesToUser: own, roles: [{ role: 'readWrite', db: nameOf(other) }] }),
        () => administration.command({ listDatabases: 1, authorizedDatabases: false }),
        () => administration.command({ shutdown: 1 }),
      ]) {
        // 13: Unauthorized
        await expect(attempt(), String(attempt)).rejects.toMatchObject({ code: 13 });
      }
    });
  },
);
