import { NativeConnection } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Concord } from '../../../client/concord.ts';
import type { Strategy } from '../../../domain/strategies.ts';
import { strategies } from '../../../domain/strategies.ts';
import { createWorkers, type Encryption, type Platform, startPlatform } from '../../support/platform.ts';
import { runCli, runCliAsJson } from '../../support/run-cli.ts';
import { bundleForEncryption, keptByTemporal, keyOf } from './encryption.ts';

const OLD = keyOf('2026-05');
const NEW = keyOf('2026-11');
const CUSTOMER = 'secret-customer';
const SKU = 'SECRET-SKU';
const REASON = 'secret reason';

let encryptedWith: (...keys: string[]) => Encryption;
let platform: Platform;

beforeAll(async () => {
  encryptedWith = await bundleForEncryption();
  platform = await startPlatform(undefined, undefined, { encryption: encryptedWith(OLD) });
  await platform.concord.restock(SKU, 1_000);
});

afterAll(() => platform[Symbol.asyncDispose]());

const orderOf = (orderId: string, quantity = 1) => ({
  orderId,
  customerId: CUSTOMER,
  lines: [{ sku: SKU, quantity }],
});

const cli = (keys: string, ...args: string[]) =>
  runCliAsJson(args, {
    env: {
      TEMPORAL_ADDRESS: platform.address,
      TEMPORAL_NAMESPACE: platform.namespace,
      ENCRYPTION_KEYS: keys,
    },
  });

describe.each(strategies)('%s', (strategy: Strategy) => {
  test('places, refuses, cancels and joins orders as it does without encryption', async () => {
    const { concord } = platform;
    const id = (name: string) => `${strategy}-${name}`;
    expect(await concord.place(orderOf(id('placed')), { strategy })).toMatchObject({ status: 'confirmed' });
    expect(await concord.place(orderOf(id('placed')), { strategy })).toMatchObject({ joined: true });
    expect(await concord.place(orderOf(id('decided')), { strategy, wait: 'decided' })).toMatchObject({
      status: 'confirmed',
    });
    expect(await concord.place(orderOf(id('too-much'), 5_000), { strategy })).toMatchObject({
      status: 'rejected',
      reason: { code: 'OutOfStock', message: expect.stringContaining(SKU) },
    });
    await expect(concord.place(orderOf(id('placed'), 2), { strategy })).rejects.toMatchObject({
      code: 'OrderIdTaken',
    });
    expect(await concord.status(id('placed'))).toMatchObject({
      customerId: CUSTOMER,
      status: 'confirmed',
      phase: 'final',
    });

    await platform.stop('inventory');
    await concord.place(orderOf(id('cancelled')), { strategy, wait: 'accepted' });
    expect(await concord.cancel(id('cancelled'), { reason: REASON })).toMatchObject({ status: 'cancelled' });
    await platform.start('inventory');
    const final = await concord.place(orderOf(id('cancelled')), { strategy });
    expect(final).toMatchObject({
      status: 'cancelled',
      reason: { message: expect.stringContaining(REASON) },
    });
  });

  test('what fails says why, in `status` and in `stuck`, and nobody else reads it', async () => {
    const { concord } = platform;
    const orderId = `${strategy}-failing`;
    platform.breakDown('inventory');
    await concord.place(orderOf(orderId), { strategy, wait: 'accepted' });
    const lastErrors = async () => (await concord.status(orderId)).retrying.map(({ lastError }) => lastError);
    await expect.poll(lastErrors).toContain('the database is down');
    const stuck = async () =>
      (await concord.stuck({ failures: 0, longerThan: 0 })).map(({ lastError }) => lastError);
    await expect.poll(stuck).toContain('the database is down');
    const kept = [...(await keptByTemporal(concord.client)).values()].join('\n');
    expect(kept).toContain('Encoded failure');
    expect(kept).not.toContain('the database is down');
    platform.repair('inventory');
    await concord.retry(orderId).catch(() => {}); // it may have been tried just now
    expect(await concord.place(orderOf(orderId), { strategy })).toMatchObject({ status: 'confirmed' });
  });
});

describe('the command line, with the keys,', () => {
  test('shows orders and events', async () => {
    expect(await cli(OLD, 'status', 'two-phase-placed')).toMatchObject({
      exitCode: 0,
      document: { customerId: CUSTOMER },
    });
    const { document } = await cli(OLD, 'events', '--order', 'event-driven-placed');
    expect((document as { type: string }[]).map(({ type }) => type)).toEqual(
      expect.arrayContaining(['OrderPlaced', 'StockReserved', 'OrderConfirmed', 'StockSold']),
    );
  });

  test.each([
    ['without keys', ''],
    ['with another key', NEW],
  ])('%s it names the one that is missing, on one line', async (_, keys) => {
    for (const args of [
      ['status', 'two-phase-placed'],
      ['events', '--order', 'event-driven-placed'],
      ['events'],
    ]) {
      const { exitCode, stdout, stderr } = await runCli(args, {
        env: {
          TEMPORAL_ADDRESS: platform.address,
          TEMPORAL_NAMESPACE: platform.namespace,
          ENCRYPTION_KEYS: keys,
        },
      });
      expect({ exitCode, stdout }, args.join(' ')).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toMatch(
        /^error: .* the key 2026-05, which is not among ENCRYPTION_KEYS here: add it to them$/,
      );
    }
  });
});

test('Temporal keeps nothing that tells who has ordered what, or why it was cancelled', async () => {
  const kept = await keptByTemporal(platform.concord.client);
  const types = new Set([...kept.keys()].map((workflowId) => workflowId.split('/')[0]));
  expect([...types]).toEqual(expect.arrayContaining(['order', 'mailbox', 'restock']));
  expect(kept.size).toBeGreaterThan(12);
  for (const [workflow, text] of kept) {
    expect(text, workflow).toContain('binary/encrypted');
    for (const secret of [CUSTOMER, SKU, REASON])
      expect(text.includes(secret), `${secret} in ${workflow}`).toBe(false);
  }
});

test('a key that workers lack loses nothing: orders wait for it, and old histories stay readable after a rotation', async () => {
  const { address, namespace, databases, concord } = platform;
  await Promise.all([platform.stop('orders'), platform.stop('inventory')]);
  await concord.place(orderOf('rotated'), { wait: 'accepted' });
  await concord.place(orderOf('given-up'), { wait: 'accepted' });
  const connection = await NativeConnection.connect({ address });
  const connect = (...keys: string[]) =>
    Concord.connect({ connection: { address }, namespace, encryptionKeys: encryptedWith(...keys).keys });
  const rotated = await connect(NEW, OLD);
  const keyless = await Concord.connect({ connection: { address }, namespace });
  try {
    {
      await using wrong = await createWorkers(
        connection,
        namespace,
        databases,
        undefined,
        encryptedWith(NEW),
      );
      await wrong.start('orders');
      // Who has no key at all must see it, too.
      for (const [who, keyId] of [
        [rotated, '2026-05'],
        [keyless, '2026-11'], // which the worker's words are encrypted with
      ] as const) {
        const problems = async () =>
          (await who.stuck({ failures: 0, longerThan: 0 })).map(
            ({ orderId, problem, lastError }) => `${orderId} ${problem}: ${lastError}`,
          );
        for (const orderId of ['rotated', 'given-up']) {
          const missing = new RegExp(`^${orderId} broken: .*the key ${keyId}, which is not among`);
          await expect.poll(problems).toContainEqual(expect.stringMatching(missing));
        }
      }
      // Its code can't be told, but Temporal can.
      expect(await rotated.cancel('given-up')).toEqual({ orderId: 'given-up', status: 'requested' });
    }
    await using workers = await createWorkers(
      connection,
      namespace,
      databases,
      undefined,
      encryptedWith(NEW, OLD),
    );
    await workers.start('orders');
    await workers.start('inventory');
    expect(await rotated.place(orderOf('rotated'))).toMatchObject({ status: 'confirmed', joined: true });
    expect(await rotated.place(orderOf('given-up'))).toMatchObject({ status: 'cancelled', joined: true });
    expect(await rotated.place(orderOf('after'))).toMatchObject({ status: 'confirmed' });
    expect(await rotated.status('two-phase-placed')).toMatchObject({ customerId: CUSTOMER });
    // What is new is not readable with the old key alone.
    await expect(concord.status('after')).rejects.toMatchObject({
      code: 'UnknownKey',
      details: { keyId: '2026-11' },
    });
  } finally {
    await Promise.all([rotated.close(), keyless.close()]);
    await connection.close();
  }
});

test('it is switched on with orders in flight: what came before is read as it is', async () => {
  await using plain = await startPlatform();
  await plain.concord.restock(SKU, 10);
  await plain.stop('inventory');
  await plain.concord.place(orderOf('before'), { wait: 'accepted' });
  await expect
    .poll(async () => (await plain.concord.status('before')).participants)
    .toMatchObject({ orders: 'prepared' });
  await plain.stop('orders');
  const { address, namespace, databases } = plain;
  const connection = await NativeConnection.connect({ address });
  const encryption = encryptedWith(NEW);
  const concord = await Concord.connect({
    connection: { address },
    namespace,
    encryptionKeys: encryption.keys,
  });
  try {
    await using workers = await createWorkers(connection, namespace, databases, undefined, encryption);
    await workers.start('orders');
    await workers.start('inventory');
    expect(await concord.place(orderOf('before'))).toMatchObject({ status: 'confirmed', joined: true });
    expect(await concord.place(orderOf('after'))).toMatchObject({ status: 'confirmed' });
  } finally {
    await concord.close();
    await connection.close();
  }
});
