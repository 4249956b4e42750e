import path from 'node:path';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startMongoDB } from '../../../tools/servers/mongodb.ts';
import { isGoneWithin } from '../../../tools/servers/processes.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { createSupervisor, type ServerProcess, type Supervisor } from '../../../tools/servers/supervisor.ts';
import { startTemporal } from '../../../tools/servers/temporal.ts';
import { ownCache, removeDirectory, temporaryDirectory } from './support.ts';

let cache: string;
let directory: string;
let supervisor: Supervisor;

beforeAll(async () => {
  cache = await ownCache();
  directory = await temporaryDirectory();
  supervisor = await createSupervisor();
});
afterAll(async () => {
  await supervisor.stop();
  vi.unstubAllEnvs();
  await removeDirectory(directory);
  await removeDirectory(cache);
});

describe('a server that was killed', () => {
  it('MongoDB starts again on the same port, with what had been acknowledged', async () => {
    const options = {
      supervisor,
      directory: path.join(directory, 'mongodb'),
      keepData: true,
      report: silentReport,
    };
    const first = await startMongoDB(options);
    const client = new MongoClient(first.uri);
    try {
      const collection = client.db('orders').collection('acknowledged');
      await collection.insertOne({ quantity: 7 });
      await killAll(first.processes);

      const second = await startMongoDB({ ...options, port: first.port });

      expect(second.uri).toBe(first.uri);
      expect(second.pid).not.toBe(first.pid);
      expect(await collection.findOne()).toMatchObject({ quantity: 7 });
    } finally {
      await client.close();
    }
  });

  it('Temporal starts again on the same ports', async () => {
    const options = {
      supervisor,
      directory: path.join(directory, 'temporal'),
      keepData: true,
      report: silentReport,
    };
    const first = await startTemporal(options);
    await killAll(first.processes);
    const second = await startTemporal({ ...options, port: first.port, uiPort: first.uiPort });
    expect(second.address).toBe(first.address);
    expect(second.uiUrl).toBe(first.uiUrl);
    expect(second.pid).not.toBe(first.pid);
  });
});

/** As a crash would: all at once and without a word, the way the kernel does it when memory runs out. */
async function killAll(processes: readonly ServerProcess[]): Promise<void> {
  for (const { identity } of processes) process.kill(identity.pid, 'SIGKILL');
  for (const { identity } of processes) expect(await isGoneWithin(identity, 5000)).toBe(true);
}

it('a start that is under way while all is being stopped leaves nothing behind', async () => {
  const stopped = await createSupervisor();
  const sleeping = { name: 'sleep', command: 'sleep', args: ['600'], directory };
  const started = stopped.start(sleeping).then(({ identity }) => identity.pid);
  const end = stopped.stop();
  await expect(stopped.start(sleeping)).rejects.toThrow('all is being stopped');
  await end;
  const pid = await started;
  expect(() => process.kill(pid, 0)).toThrow('ESRCH');
});
