import { existsSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { Client, Connection } from '@temporalio/client';
import { MongoClient } from 'mongodb';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { isAlive, type ProcessIdentity } from '../../../tools/servers/processes.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { cleanUpAfterTheDead, livingServers, type RunningRecord } from '../../../tools/servers/running.ts';
import { type Servers, startServers } from '../../../tools/servers/servers.ts';
import {
  endOwners,
  keepingReport,
  kill,
  listens,
  ownCache,
  portsOf,
  removeDirectory,
  startOwner,
  temporaryDirectory,
} from '../../system/dev/support.ts';

let cache: string;
let started: Servers[] = [];

beforeAll(async () => {
  cache = await ownCache();
});
afterEach(async () => {
  await Promise.all(started.map((servers) => servers.stop()));
  started = [];
  await endOwners();
});
afterAll(async () => {
  // After a failure something may be left that nobody else would find: its record is in our own cache.
  await cleanUpAfterTheDead(silentReport);
  vi.unstubAllEnvs();
  await removeDirectory(cache);
});

const GONE = { timeout: 15_000, interval: 50 };

describe('the servers of two starts side by side', () => {
  it('have ports of their own, end with their owner by SIGKILL, and leave the other start alone', async () => {
    const [first, second] = await Promise.all([startOwner(), startOwner()]);
    const ports = [...portsOf(first.record), ...portsOf(second.record)];
    expect(new Set(ports).size).toBe(6);
    expect(await everyPort(ports)).toEqual(ports.map(() => true));

    await kill(first.child);

    await expect.poll(() => leftOf(first.record), GONE).toEqual([]);
    expect(await everyPort(portsOf(second.record))).toEqual([true, true, true]);
    expect(await livingChildren(second.record)).toHaveLength(second.record.children.length);

    // With the guard dead too, nobody is left to end the servers of the second start …
    const { guard } = second.record;
    if (!guard) throw new Error('no guard in the record');
    process.kill(guard.pid, 'SIGKILL');
    await kill(second.child);
    await expect.poll(() => isAlive(guard), GONE).toBe(false);
    expect(await livingChildren(second.record)).toHaveLength(second.record.children.length);

    // … but the next one.
    const { report, lines } = keepingReport();
    started.push(await startServers({ report, role: 'test' }));
    expect(await leftOf(second.record)).toEqual([]);
    expect(lines.join('\n')).toContain(`an earlier run (${second.record.owner.pid})`);
  });
});

describe('a start with a data directory', () => {
  it('finds the documents and the workflows of the one before', async () => {
    const dataDirectory = await temporaryDirectory();
    try {
      const first = await startServers({ dataDirectory, report: silentReport, role: 'test' });
      started.push(first);
      await withMongoDB(first, (client) => client.db('orders').collection('kept').insertOne({ quantity: 7 }));
      await withTemporal(first, (client) =>
        client.workflow.start('placeOrder', { taskQueue: 'nobody', workflowId: 'order/kept' }),
      );
      await expect(
        startServers({ dataDirectory, report: silentReport, role: 'test' }),
        'a second start on the same data',
      ).rejects.toThrow(/in use by process/);
      await first.stop();

      const second = await startServers({ dataDirectory, report: silentReport, role: 'test' });
      started.push(second);
      const document = await withMongoDB(second, (client) =>
        client.db('orders').collection('kept').findOne(),
      );
      expect(document).toMatchObject({ quantity: 7 });
      const workflow = await withTemporal(second, (client) =>
        client.workflow.getHandle('order/kept').describe(),
      );
      expect(workflow).toMatchObject({ type: 'placeOrder', status: { name: 'RUNNING' } });
      await second.stop();
    } finally {
      await removeDirectory(dataDirectory);
    }
  });
});

describe('a start', () => {
  it('can be found while it runs, and leaves no process, port, directory or record when it stops', async () => {
    const servers = await startServers({ report: silentReport, role: 'start' });
    started.push(servers);
    const record = livingServers().find(({ owner }) => owner.pid === process.pid);
    if (!record) throw new Error('not found among the living servers');
    expect(record).toMatchObject({
      role: 'start',
      ready: true,
      temporal: servers.temporal,
      mongodb: servers.mongodb,
    });
    const [file = ''] = await readdir(path.join(cache, 'running'));
    // It may hold a connection string with a password.
    expect((await stat(path.join(cache, 'running', file))).mode & 0o777).toBe(0o600);
    expect((await fetch(servers.temporal.uiUrl ?? '')).status).toBe(200);
    expect(await livingChildren(record)).toHaveLength(record.children.length);

    await Promise.all([servers.stop(), servers.stop()]);

    expect(await leftOf(record)).toEqual([]);
    expect(record.guard && (await isAlive(record.guard))).toBe(false);
    expect(livingServers().filter(({ owner }) => owner.pid === process.pid)).toEqual([]);
  });

  it('takes several hundred conditional updates of one document at once', async () => {
    const servers = await startServers({ report: silentReport, role: 'test' });
    started.push(servers);
    const sold = await withMongoDB(servers, async (client) => {
      const stock = client
        .db('inventory')
        .collection<{ _id: string; available: number; holds: number[] }>('stock');
      await stock.insertOne({ _id: 'sku', available: 300, holds: [] });
      const updates = Array.from({ length: 400 }, (_, order) =>
        stock.updateOne(
          { _id: 'sku', available: { $gte: 1 } },
          { $inc: { available: -1 }, $push: { holds: order } },
        ),
      );
      const results = await Promise.all(updates);
      expect(await stock.findOne({ _id: 'sku' })).toMatchObject({ available: 0, holds: { length: 300 } });
      return results.filter(({ modifiedCount }) => modifiedCount === 1).length;
    });
    expect(sold).toBe(300);
  });
});

/** What still exists of a start: the names of its processes, its ports and its throw-away directories. */
async function leftOf(record: RunningRecord): Promise<(string | number)[]> {
  const processes = (await livingChildren(record)).map(({ name }) => name);
  const ports = [];
  for (const port of portsOf(record)) if (await listens(port)) ports.push(port);
  const directories = [];
  for (const directory of record.throwAwayDirectories) if (existsSync(directory)) directories.push(directory);
  expect(record.throwAwayDirectories).not.toHaveLength(0);
  return [...processes, ...ports, ...directories];
}

async function livingChildren(record: RunningRecord): Promise<(ProcessIdentity & { name: string })[]> {
  expect(record.children).not.toHaveLength(0);
  const living = [];
  for (const { name, pid, started } of record.children) {
    if (await isAlive({ pid, started })) living.push({ name, pid, started });
  }
  return living;
}

function everyPort(ports: number[]): Promise<boolean[]> {
  return Promise.all(ports.map(listens));
}

async function withMongoDB<T>(servers: Servers, use: (client: MongoClient) => Promise<T>): Promise<T> {
  const client = new MongoClient(servers.mongodb.uri, { maxPoolSize: 400 });
  return use(client).finally(() => client.close());
}

async function withTemporal<T>(servers: Servers, use: (client: Client) => Promise<T>): Promise<T> {
  const { address, namespace } = servers.temporal;
  const connection = await Connection.connect({ address });
  return use(new Client({ connection, namespace })).finally(() => connection.close());
}
