import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  type ConnectionOptions,
  defaultGrpcRetryOptions,
  makeGrpcRetryInterceptor,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { expect, test } from 'vitest';
import { exitCodeOf } from '../../../client/cli/shared/print-error.ts';
import { Concord, type PlaceOptions } from '../../../client/concord.ts';
import { ConcordError } from '../../../domain/errors.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { createSupervisor } from '../../../tools/servers/supervisor.ts';
import { startTemporal } from '../../../tools/servers/temporal.ts';

// A server that has more to do than it accepts; no worker runs, and none is needed to be refused.

test('who is refused for too many calls is told so, and may place the order again with its id', async () => {
  await using server = await startLimited({ 'frontend.namespaceRPS': 2 });
  const orders = Array.from({ length: 12 }, (_, index) => orderOf(`burst-${index}`));
  const hasty = await server.connect(ONCE);
  const answers = await Promise.all(orders.map((order) => answerOf(hasty, order, { wait: 'accepted' })));

  expect(answers).toContainEqual(expect.objectContaining({ status: 'pending' }));
  const refused = orders.filter((_, index) => answers[index] instanceof ConcordError);
  expect(refused).not.toEqual([]);
  for (const [index, { orderId }] of orders.entries()) {
    const answer = answers[index];
    if (!(answer instanceof ConcordError)) continue;
    expect(answer).toMatchObject({
      code: 'Busy',
      kind: 'unreachable',
      retryable: true,
      details: { server: 'Temporal', address: server.address, says: expect.stringMatching(/rate limit/i) },
    });
    expect(answer.message).toContain(
      `order ${orderId} may have been accepted: place it again with this id, which joins it`,
    );
    expect(exitCodeOf(answer)).toBe(3);
  }

  const patient = await server.connect(PATIENT);
  const [again = orderOf('nobody')] = refused;
  expect(await patient.place(again, { wait: 'accepted' })).toMatchObject({ joined: false });
  expect(await patient.place(again, { wait: 'accepted' })).toMatchObject({ joined: true });
});

test('who is refused while waiting for the outcome is told that the order may have been accepted, and it is', async () => {
  await using server = await startLimited({ 'frontend.namespaceCount': 1 });
  const hasty = await server.connect(ONCE);
  const orders = ['wait-1', 'wait-2', 'wait-3'].map(orderOf);
  // Whoever got the only place would wait for a worker that never comes.
  const enough = new AbortController();
  const waiting = orders.map((order) =>
    hasty.client.withAbortSignal(enough.signal, () =>
      answerOf(hasty, order, {}).then((answer) => ({ order, answer })),
    ),
  );
  const { order, answer } = await Promise.race(waiting);
  expect(answer).toMatchObject({ code: 'Busy', kind: 'unreachable' });
  expect(String(answer)).toContain(`order ${order.orderId} may have been accepted`);
  expect(await hasty.place(order, { wait: 'accepted' })).toMatchObject({ joined: true, status: 'pending' });
  enough.abort();
  await Promise.all(waiting);
});

test('a burst that is over soon is not refused at all: the client repeats what the server turns down', async () => {
  await using server = await startLimited({ 'frontend.namespaceRPS': 2 });
  const usual = await server.connect({});
  const orders = Array.from({ length: 6 }, (_, index) => orderOf(`usual-${index}`));
  const answers = await Promise.all(orders.map((order) => answerOf(usual, order, { wait: 'accepted' })));
  expect(answers).toEqual(
    orders.map(({ orderId }) => expect.objectContaining({ orderId, status: 'pending' })),
  );
});

test('an order that is larger than the server takes is bad input, and is not accepted', async () => {
  await using server = await startLimited({ 'limit.blobSize.warn': 1_000, 'limit.blobSize.error': 2_000 });
  const concord = await server.connect({});
  const lines = Array.from({ length: 100 }, (_, index) => ({ sku: `LARGE-${index}`, quantity: 1 }));
  const answer = await answerOf(concord, { ...orderOf('large'), lines }, { wait: 'accepted' });
  expect(answer).toMatchObject({ code: 'TooLarge', kind: 'bad input', retryable: false });
  expect(String(answer)).toMatch(/too large \(.*size exceeds limit.*nothing was accepted/i);
  expect(exitCodeOf(answer)).toBe(2);
  const workflow = concord.client.workflow.getHandle('order/large');
  await expect(workflow.describe()).rejects.toBeInstanceOf(WorkflowNotFoundError);
  expect(await answerOf(concord, orderOf('small'), { wait: 'accepted' })).toMatchObject({
    status: 'pending',
  });
});

/** Asks once: what the server says is the answer. */
const ONCE: ConnectionOptions = { interceptors: [] };
/** Repeats what is refused, as the SDK does by default, but sooner. */
const PATIENT: ConnectionOptions = {
  interceptors: [
    makeGrpcRetryInterceptor(defaultGrpcRetryOptions({ maxAttempts: 30, initialIntervalMs: () => 200 })),
  ],
};

interface Limited extends AsyncDisposable {
  readonly address: string;
  connect(options: ConnectionOptions): Promise<Concord>;
}

async function startLimited(limits: Readonly<Record<string, number>>): Promise<Limited> {
  const supervisor = await createSupervisor();
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  supervisor.removeAtEnd(directory);
  const temporal = await startTemporal({
    supervisor,
    directory,
    keepData: false,
    report: silentReport,
    limits,
  });
  const { address } = temporal;
  const connected: Concord[] = [];
  return {
    address,
    async connect(options) {
      const concord = await Concord.connect({ connection: { ...options, address } });
      connected.push(concord);
      return concord;
    },
    async [Symbol.asyncDispose]() {
      for (const concord of connected) await concord.close();
      await supervisor.stop();
    },
  };
}

function orderOf(orderId: string) {
  return { orderId, customerId: 'customer', lines: [{ sku: 'ANY', quantity: 1 }] };
}

async function answerOf(concord: Concord, order: ReturnType<typeof orderOf>, options: PlaceOptions) {
  return concord.place(order, options).catch((error: unknown) => error);
}
