import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { workflowIdOf } from '../../../domain/place-order.ts';
import { keepRecord } from '../../../tools/servers/running.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { type RunOptions, runCli, runCliAsJson, startCli } from '../../support/run-cli.ts';

// Real processes on a pipe, against a real server: what a script sees.

let platform: Platform;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  platform = await startPlatform();
});

afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const start = (args: readonly string[], options?: RunOptions) => startCli(args, reaching(options));
const concord = (args: readonly string[], options?: RunOptions) => runCli(args, reaching(options));
const json = (args: readonly string[], options?: RunOptions) => runCliAsJson(args, reaching(options));

/** By default, a command reaches this file's own server. */
function reaching({ env, ...options }: RunOptions = {}): RunOptions {
  return {
    ...options,
    env: { TEMPORAL_ADDRESS: platform.address, TEMPORAL_NAMESPACE: platform.namespace, ...env },
  };
}

/** A new SKU with that many units. */
async function stocked(quantity: number): Promise<string> {
  const sku = newId('sku');
  await platform.concord.restock(sku, quantity);
  return sku;
}

function newId(prefix: string): string {
  return `${prefix}-${randomUUID()}`;
}

async function isKnown(orderId: string): Promise<boolean> {
  const handle = platform.concord.client.workflow.getHandle(workflowIdOf(orderId));
  return handle.describe().then(
    () => true,
    () => false,
  );
}

const lineOf = (...cells: readonly string[]) => cells.join('\t');

describe.concurrent('place', () => {
  test('a confirmed order: exit code 0, and placing it again joins it', async () => {
    const sku = await stocked(5);
    const orderId = newId('order');
    const args = ['place', '--sku', `${sku}:2`, '--customer', 'alice', '--order-id', orderId];
    const { stderr, ...placed } = await concord(args);
    expect(placed).toEqual({ exitCode: 0, stdout: lineOf(orderId, 'confirmed') });
    // On a slow machine it says meanwhile what it waits for.
    expect(stderr).not.toMatch(/error/i);
    expect(await json(args)).toMatchObject({
      exitCode: 0,
      document: { orderId, status: 'confirmed', joined: true },
    });
    expect(await concord(['stock', sku])).toMatchObject({ stdout: lineOf(sku, '3', '0', '2', '5') });
  });

  test('an id of an order with other content: exit code 1', async () => {
    const sku = await stocked(5);
    const orderId = newId('order');
    await platform.concord.place({ orderId, customerId: 'alice', lines: [{ sku, quantity: 1 }] });
    const args = ['place', '--sku', `${sku}:2`, '--customer', 'alice', '--order-id', orderId];
    expect(await json(args)).toMatchObject({
      exitCode: 1,
      document: undefined,
      failure: { error: { code: 'OrderIdTaken', details: { orderId } }, orderId },
    });
  });

  test('a rejected order: exit code 1, and the reason', async () => {
    const sku = await stocked(1);
    const { exitCode, stdout } = await concord(['place', '--sku', `${sku}:2`, '--customer', 'alice']);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(
      /^[0-9a-f-]{36}\trejected\tOutOfStock\t.* is out of stock: 2 wanted, 1 available$/,
    );
  });

  test('--wait accepted returns before the outcome', async () => {
    const sku = await stocked(1);
    const args = ['place', '--sku', `${sku}:1`, '--customer', 'alice', '--wait', 'accepted'];
    expect(await json([...args, '--prepare-budget', '30'])).toMatchObject({
      exitCode: 0,
      document: { status: 'pending' },
    });
  });

  test('a file of one order, and one from standard input', async () => {
    const sku = await stocked(5);
    const order = JSON.stringify({ customerId: 'alice', lines: [{ sku, quantity: 1 }] });
    const file = path.join(directory, 'order.json');
    await writeFile(file, order);
    const [fromFile, fromInput] = await Promise.all([
      json(['place', '--file', file]),
      json(['place', '--file', '-', '--wait', 'decided'], { input: order }),
    ]);
    expect(fromFile).toMatchObject({ exitCode: 0, document: { status: 'confirmed' } });
    expect(fromInput).toMatchObject({ exitCode: 0, document: { status: 'confirmed' } });
  });

  test('a file of many orders: a result for each, exit code 1 as one was rejected', async () => {
    const sku = await stocked(5);
    const [first, second] = [newId('order'), newId('order')];
    const orders = [
      { orderId: first, customerId: 'alice', lines: [{ sku, quantity: 5 }] },
      { orderId: second, customerId: 'alice', lines: [{ sku, quantity: 6 }] },
      { customerId: 'alice', lines: [{ sku: newId('unknown'), quantity: 1 }] },
    ];
    const { exitCode, document } = await json(['place', '--file', '-'], { input: JSON.stringify(orders) });
    expect(exitCode).toBe(1);
    expect(document).toMatchObject([
      { orderId: first, status: 'confirmed' },
      { orderId: second, status: 'rejected', reason: { code: 'OutOfStock' } },
      { orderId: expect.any(String), status: 'rejected', reason: { code: 'UnknownSku' } },
    ]);
  });

  test('a file with bad orders: each is named, and none is sent', async () => {
    const sku = await stocked(5);
    const orderId = newId('order');
    const good = { orderId, customerId: 'alice', lines: [{ sku, quantity: 1 }] };
    const orders = [good, { ...good, orderId: 'a/b' }, good, { customerId: 'alice', lines: [] }, null];
    const { exitCode, failure } = await json(['place', '--file', '-'], { input: JSON.stringify(orders) });
    expect(exitCode).toBe(2);
    const fields = ['[1].orderId', '[2].orderId', '[3].lines', '[4]'];
    expect(failure).toMatchObject({
      error: { code: 'InvalidInput', details: { problems: fields.map((field) => ({ field })) } },
    });
    expect(await isKnown(orderId)).toBe(false);
  });
});

describe.concurrent('looking at orders and stock', () => {
  test('status, watch and list of a confirmed order: exit code 0', async () => {
    const sku = await stocked(5);
    const orderId = newId('order');
    const customerId = newId('customer');
    await platform.concord.place({ orderId, customerId, lines: [{ sku, quantity: 2 }] });
    const [status, watched, listed] = await Promise.all([
      concord(['status', orderId]),
      json(['watch', orderId]),
      concord(['list', '--customer', customerId, '--status', 'confirmed', '--limit', '5']),
    ]);
    expect(status).toMatchObject({ exitCode: 0, stderr: '' });
    expect(status.stdout.split('\n')).toEqual(
      expect.arrayContaining([lineOf('status', 'confirmed'), lineOf('line', sku, '2')]),
    );
    expect(watched).toMatchObject({
      exitCode: 0,
      document: { orderId, status: 'confirmed', phase: 'final' },
    });
    expect(listed).toMatchObject({ exitCode: 0, stderr: '' });
    expect(listed.stdout).toMatch(
      new RegExp(`^${orderId}\tconfirmed\t${customerId}\t${sku}:2\t\\d{4}-[^\t]*\ttwo-phase$`),
    );
  });

  test('watch of a rejected order: exit code 1, while status: exit code 0', async () => {
    const orderId = newId('order');
    await platform.concord.place({ orderId, customerId: 'a', lines: [{ sku: newId('none'), quantity: 1 }] });
    const [status, watched] = await Promise.all([json(['status', orderId]), concord(['watch', orderId])]);
    expect(status).toMatchObject({ exitCode: 0, document: { status: 'rejected' } });
    expect(watched.exitCode).toBe(1);
    expect(watched.stdout).toMatch(/\trejected\tfinal\ttwo-phase\tUnknownSku\t/);
  });

  test('an order, a SKU and a namespace that nobody knows', async () => {
    const [status, watched, cancelled, stock, elsewhere] = await Promise.all([
      json(['status', newId('order')]),
      json(['watch', newId('order')]),
      json(['cancel', newId('order')]),
      json(['stock', newId('sku')]),
      json(['list', '--namespace', 'nowhere']),
    ]);
    const unknownOrder = { exitCode: 1, failure: { error: { code: 'UnknownOrder' } } };
    expect(status).toMatchObject(unknownOrder);
    expect(watched).toMatchObject(unknownOrder);
    expect(cancelled).toMatchObject(unknownOrder);
    expect(stock).toMatchObject({ exitCode: 1, failure: { error: { code: 'UnknownSku' } } });
    expect(elsewhere).toMatchObject({ exitCode: 3, failure: { error: { code: 'Unreachable' } } });
  });

  test('cancel of a decided order: exit code 1', async () => {
    const sku = await stocked(1);
    const orderId = newId('order');
    await platform.concord.place({ orderId, customerId: 'alice', lines: [{ sku, quantity: 1 }] });
    expect(await concord(['cancel', orderId])).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `error: too late: order ${orderId} is already confirmed`,
    });
  });

  test('restock adds a receipt once for each receipt id', async () => {
    const sku = newId('sku');
    const args = ['restock', sku, '5', '--receipt-id', newId('receipt')];
    expect(await json(args)).toMatchObject({ exitCode: 0, document: { sku, available: 5, received: 5 } });
    expect(await concord(args)).toMatchObject({ exitCode: 0, stdout: lineOf(sku, '5', '0', '0', '5') });
    expect(await json(['restock', sku, '9007199254740991'])).toMatchObject({
      exitCode: 1,
      failure: { error: { code: 'StockLimit' } },
    });
  });

  test('a reader that leaves early is no error', async () => {
    const running = start(['stock']);
    running.stdout.destroy();
    const { exitCode, stderr } = await running;
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  });
});

describe.concurrent('finding the server', () => {
  test('it is the newest running `npm start`, unless something else is named', async () => {
    const { address, namespace, uiUrl } = platform;
    process.env.CONCORD_CACHE = directory;
    const record = await keepRecord({ role: 'start', throwAwayDirectories: [] });
    await record.update({ ready: true, temporal: { address, namespace, uiUrl, origin: 'a test' } });
    const env = { TEMPORAL_ADDRESS: undefined, TEMPORAL_NAMESPACE: undefined, HOME: directory };
    const sku = await stocked(1);
    const orderId = newId('order');
    const [found, named, placed] = await Promise.all([
      json(['doctor'], { env }),
      json(['doctor', '--address', '127.0.0.1:1'], { env }),
      json(['place', '--sku', `${sku}:1`, '--customer', 'alice', '--order-id', orderId], { env }),
    ]);
    delete process.env.CONCORD_CACHE;
    await record.remove();
    expect(found).toMatchObject({
      exitCode: 0,
      document: { ok: true, address, source: 'the running `npm start`' },
    });
    expect(named).toMatchObject({ exitCode: 3, document: { ok: false, source: '--address' } });
    const url = `${uiUrl}/namespaces/${namespace}/workflows/order%2F${orderId}`;
    expect(placed).toMatchObject({ exitCode: 0, document: { status: 'confirmed', url } });
  });

  test('doctor finds everything: exit code 0', async () => {
    const { exitCode, stdout } = await concord(['doctor']);
    expect(exitCode).toBe(0);
    const lines = stdout.split('\n').map((line) => line.split('\t').slice(0, 2));
    const server = ['temporal', 'namespace', 'updates', 'search attributes'];
    const services = ['orders worker', 'orders service', 'inventory worker', 'inventory service'];
    expect(lines).toEqual(['node', 'sdk', 'encryption', ...server, ...services].map((name) => ['ok', name]));
    expect(stdout).toMatch(/\tserver [\d.-]+ \(Concord is tested from [\d.]+ on\) at /);
  });
});

describe('while the inventory is down', () => {
  beforeAll(() => platform.stop('inventory'));
  afterAll(() => platform.start('inventory'));

  async function undecided(): Promise<string> {
    const orderId = newId('order');
    const lines = [{ sku: newId('sku'), quantity: 1 }];
    await platform.concord.place({ orderId, customerId: 'alice', lines }, { wait: 'accepted' });
    return orderId;
  }

  test.concurrent('cancel: exit code 0, and a reason comes out harmless', async () => {
    const orderId = await undecided();
    expect(await concord(['cancel', orderId, '--reason', '\u001b[31mred\u0007\nalert'])).toMatchObject({
      exitCode: 0,
      stdout: lineOf(orderId, 'cancelled'),
    });
    const { stdout } = await concord(['status', orderId]);
    expect(stdout).toContain(lineOf('reason', 'Cancelled', 'red alert'));
    // Who has lost the answer asks again.
    expect(await concord(['cancel', orderId])).toMatchObject({
      exitCode: 0,
      stdout: lineOf(orderId, 'cancelled'),
    });
  });

  test.concurrent('stock and restock: exit code 3', async () => {
    const receiptId = newId('receipt');
    const [stock, restocked] = await Promise.all([
      json(['stock']),
      json(['restock', newId('sku'), '5', '--receipt-id', receiptId]),
    ]);
    const noAnswer = {
      exitCode: 3,
      failure: { error: { code: 'NoAnswer', details: { service: 'inventory' } } },
    };
    expect(stock).toMatchObject(noAnswer);
    expect(restocked).toMatchObject({ ...noAnswer, failure: { receiptId } });
  });

  test.concurrent('doctor says so: exit code 3', async () => {
    const { exitCode, stdout } = await concord(['doctor']);
    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/^ok\torders service\t/m);
    expect(stdout).toMatch(/^failed\tinventory worker\t.*npx tsx workers\/inventory\.ts/m);
  });

  test.concurrent('Ctrl-C while watching: exit code 130, and the order goes on', async () => {
    const orderId = await undecided();
    const watching = start(['watch', orderId]);
    watching.stdout.once('data', () => watching.kill('SIGINT'));
    const { exitCode, stdout, stderr } = await watching;
    expect(exitCode).toBe(130);
    expect(stdout).toMatch(/\tpending\t/);
    expect(stderr).toBe(
      `stopped watching; order ${orderId} goes on: see it with \`concord status ${orderId}\``,
    );
  });

  test.concurrent('place says what it waits for; Ctrl-C: exit code 130, and the order goes on', async () => {
    const orderId = newId('order');
    const placing = start(['place', '--sku', 'A:1', '--customer', 'alice', '--order-id', orderId]);
    placing.stderr.once('data', () => placing.kill('SIGINT'));
    const { exitCode, stdout, stderr } = await placing;
    expect({ exitCode, stdout }).toEqual({ exitCode: 130, stdout: '' });
    expect(stderr).toMatch(
      /^order .*: preparing \(orders prepared, inventory preparing\)\norder .* goes on; see it/,
    );
    expect(await platform.concord.status(orderId)).toMatchObject({ status: 'pending' });
  });
});

describe('while the order service is down', () => {
  beforeAll(() => platform.stop('orders'));
  afterAll(() => platform.start('orders'));

  test('cancel: requested, exit code 0', async () => {
    const orderId = newId('order');
    const lines = [{ sku: newId('sku'), quantity: 1 }];
    await platform.concord.place({ orderId, customerId: 'alice', lines }, { wait: 'accepted' });
    const { exitCode, stdout, stderr } = await concord(['cancel', orderId]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: lineOf(orderId, 'requested') });
    expect(stderr).toMatch(/the order service does not answer: it decides when it is back/);
  });
});
