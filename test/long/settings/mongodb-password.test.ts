import { execa } from 'execa';
import getPort from 'get-port';
import { MongoClient } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { getFerretDB, hasFerretDB, startFerretDB } from '../../../tools/servers/ferretdb.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { createSupervisor, type Supervisor } from '../../../tools/servers/supervisor.ts';
import { mongodbFailure } from '../../../workers/connections.ts';
import { temporaryDirectory } from '../../system/dev/support.ts';

const program = (await hasFerretDB()) ? await getFerretDB(silentReport) : undefined;
const title = program === undefined ? 'a password (skipped: no FerretDB is installed)' : 'a password';

describe.skipIf(program === undefined)(title, () => {
  const user = { name: 'shop', password: 'the-right-password' };
  let supervisor: Supervisor;
  let right: string;
  let wrong: string;

  beforeAll(async () => {
    if (program === undefined) return;
    supervisor = await createSupervisor();
    const directory = await temporaryDirectory();
    supervisor.removeAtEnd(directory);
    const options = { supervisor, directory, port: await getPort({ host: '127.0.0.1' }), keepData: true };
    const open = await startFerretDB(program, options);
    const client = new MongoClient(open.uri);
    const roles = ['clusterAdmin', 'readWriteAnyDatabase'].map((role) => ({ role, db: 'admin' }));
    await client.db('admin').command({ createUser: user.name, pwd: user.password, roles });
    await client.close();
    await open.stop();
    right = (await startFerretDB(program, { ...options, user })).uri;
    wrong = right.replace(user.password, 'do-not-show');
  });

  afterAll(() => supervisor.stop());

  const start = (uri: string) =>
    execa(process.execPath, ['tools/run.mjs', 'start', '--once'], {
      env: { MONGODB_URI: uri },
      reject: false,
    });

  test('that is right is taken', { timeout: 180_000 }, async () => {
    const client = new MongoClient(right);
    expect(await client.db('shop').collection('orders').countDocuments()).toBe(0);
    await client.close();
    expect(await start(right)).toMatchObject({ exitCode: 0 });
  });

  test('that is wrong is one line that says what to do, and not what it was: exit code 3', async () => {
    const { exitCode, stderr, stdout } = await start(wrong);
    expect(exitCode).toBe(3);
    const lines = stderr.split('\n').filter((line) => line.includes('MONGODB_URI'));
    expect(lines).toEqual([
      expect.stringMatching(
        /^MONGODB_URI=.*\*\*\*@.*: it does not accept the user or the password in MONGODB_URI/,
      ),
    ]);
    expect(stderr).not.toContain('    at ');
    expect(stdout + stderr).not.toContain('do-not-show');
  });

  test('that is wrong, or missing, is told in the same words by a worker', async () => {
    const failureOf = async (uri: string) => {
      const client = new MongoClient(uri);
      const reading = client.db('shop').collection('orders').countDocuments();
      const error = await reading.catch((error: unknown) => error);
      await client.close();
      return mongodbFailure(error, 'ORDERS_MONGODB_URI');
    };
    expect(await failureOf(wrong)).toMatch(/the user or the password in ORDERS_MONGODB_URI/);
    const nobody = right.replace(`${user.name}:${user.password}@`, '');
    expect(await failureOf(nobody)).toMatch(/in ORDERS_MONGODB_URI may not use this database/);
  });
});
