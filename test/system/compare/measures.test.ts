import { readFile } from 'node:fs/promises';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { MongoClient } from 'mongodb';
import { expect, inject, test, vi } from 'vitest';
import type { ReservationDocument, StockDocument } from '../../../activities/inventory/documents.ts';
import { createMongoClient } from '../../../activities/mongodb/client.ts';
import type { OrderDocument } from '../../../activities/orders/participant.ts';
import { ConcordError } from '../../../domain/errors.ts';
import { tallyOf } from '../../../tools/compare/cost.ts';
import { startReader } from '../../../tools/compare/reader.ts';
import type { StreamedOrder } from '../../../tools/compare/under-faults.ts';
import { outcomeOf } from '../../../tools/compare/under-faults.ts';
import { countCommands, withCommandMonitoring } from '../../../tools/measure/command-counts.ts';
import { insist } from '../../../tools/measure/load-generator.ts';
import { openDatabase } from '../../support/database.ts';

test('actions: what Temporal bills, each attempt of an activity, and a run that goes on only once', () => {
  const history = [
    { workflowExecutionStartedEventAttributes: {} },
    { workflowTaskScheduledEventAttributes: {} },
    { workflowExecutionSignaledEventAttributes: {} },
    { workflowExecutionUpdateAcceptedEventAttributes: {} },
    { activityTaskScheduledEventAttributes: {} },
    { activityTaskStartedEventAttributes: { attempt: 3 } },
    { timerStartedEventAttributes: {} },
    { timerCanceledEventAttributes: {} },
    { upsertWorkflowSearchAttributesEventAttributes: {} },
    { workflowExecutionContinuedAsNewEventAttributes: {} },
  ];
  expect(tallyOf(history)).toEqual({ events: 10, actions: 1 + 1 + 1 + 3 + 1 + 1 + 1 });
  const goneOn = [{ workflowExecutionStartedEventAttributes: { continuedExecutionRunId: 'the run before' } }];
  expect(tallyOf(goneOn)).toEqual({ events: 1, actions: 0 });
});

test.each([
  // The start, two votes, the decision, the commit, and the status that lists show.
  ['01-confirmed', { events: 30, actions: 1 + 4 + 1 }],
  // The start, the vote, two answers, the timer of both, and the status.
  ['20-event-driven-confirmed', { events: 21, actions: 1 + 1 + 2 + 1 + 1 }],
])('actions of a recorded order, %s', async (name, expected) => {
  const file = new URL(`../replay/histories/${name}.json`, import.meta.url);
  const { history } = JSON.parse(await readFile(file, 'utf8'));
  expect(tallyOf(historyFromJSON(history).events ?? [])).toEqual(expected);
});

test('during a fault: what was sent in it and came of it before its end; and when all that was sent by then was final', () => {
  const orders: StreamedOrder[] = [
    order('before', { sentAt: 500, acceptedAt: 510, finalAt: 6_500 }),
    order('quick', { sentAt: 1_500, acceptedAt: 1_510, finalAt: 2_900 }),
    order('slow', { sentAt: 2_000, acceptedAt: 3_500, finalAt: 5_000 }),
    order('after', { sentAt: 3_200, acceptedAt: 3_210, finalAt: 9_000 }),
  ];
  const decidedAt = new Map([
    ['before', 2_000],
    ['quick', 2_800],
    ['slow', 4_000],
    ['after', 8_000],
  ]);
  const fault = { began: 1_000, ended: 3_000 };
  expect(outcomeOf(orders, { decidedAt }, fault)).toEqual({
    sent: 4,
    offered: 2,
    accepted: 1,
    decided: 1,
    finalAfter: 3.5,
  });
  const [first] = orders;
  const unfinished = [...orders, order('lost', { sentAt: 2_500, acceptedAt: 2_510 })];
  expect(outcomeOf(unfinished, { decidedAt }, fault)).toMatchObject({ offered: 3, finalAfter: null });
  expect(outcomeOf(first ? [{ ...first, finalAt: 600 }] : [], { decidedAt }, fault).finalAfter).toBe(0);
});

test('a customer asks again where nobody answers, and takes a refusal for an answer', async () => {
  const silence = new ConcordError('NoAnswer', { service: 'orders', fix: 'wait' });
  const refusal = new ConcordError('OrderIdTaken', { orderId: 'x' });
  const ask = vi
    .fn()
    .mockRejectedValueOnce(silence)
    .mockRejectedValueOnce(refusal)
    .mockResolvedValue('never');
  await expect(insist(ask)).rejects.toBe(refusal);
  expect(ask).toHaveBeenCalledTimes(2);
});

test.each([
  ['mongodb://host', 'mongodb://host/?monitorCommands=true'],
  ['mongodb://host/', 'mongodb://host/?monitorCommands=true'],
  ['mongodb://a:1,b:2/?replicaSet=r', 'mongodb://a:1,b:2/?replicaSet=r&monitorCommands=true'],
  ['mongodb+srv://u:p@host/db', 'mongodb+srv://u:p@host/db?monitorCommands=true'],
])('a connection string asks for command monitoring: %s', (uri, expected) => {
  expect(withCommandMonitoring(uri)).toBe(expected);
  if (uri.startsWith('mongodb:')) expect(new MongoClient(expected).options.monitorCommands).toBe(true);
});

test('commands are counted as the driver sends them: writes and reads, and nothing else', async () => {
  await using testDatabase = await openDatabase();
  const client = createMongoClient(withCommandMonitoring(inject('mongodbUri')), 'concord-test');
  const counts = countCommands(client);
  const things = client
    .db(testDatabase.database.databaseName)
    .collection<{ _id: string; n: number }>('things');
  await things.insertOne({ _id: 'a', n: 1 });
  await things.updateOne({ _id: 'a' }, { $inc: { n: 1 } });
  await things.findOneAndUpdate({ _id: 'a' }, { $inc: { n: 1 } });
  await things.deleteOne({ _id: 'b' });
  await things.findOne({ _id: 'a' });
  await client.db('admin').command({ ping: 1 });
  expect(counts()).toEqual({ writes: 4, reads: 1 });
  await client.close();
});

test('a reader sees what is pending, on hold and inconsistent, either way, and for how long', async () => {
  await using orderDatabase = await openDatabase();
  await using inventoryDatabase = await openDatabase();
  const databases = { orders: orderDatabase.database, inventory: inventoryDatabase.database };
  const orders = databases.orders.collection<Partial<OrderDocument> & { _id: string }>('orders');
  const reservations = databases.inventory.collection<Partial<ReservationDocument> & { _id: string }>(
    'reservations',
  );
  const stock = databases.inventory.collection<StockDocument>('stock');
  const holds = [{ orderId: 'confirmed-first', quantity: 2, attempt: 1 }];
  await stock.insertOne({ _id: 'A', available: 5, reserved: 2, sold: 1, received: 8, holds, settled: [] });
  await orders.insertMany([
    { _id: 'confirmed-first', status: 'confirmed' },
    { _id: 'sold-first', status: 'pending' },
    { _id: 'consistent', status: 'confirmed' },
  ]);
  await reservations.insertMany([
    { _id: 'confirmed-first', decision: 'commit' },
    { _id: 'sold-first', decision: 'commit' },
    { _id: 'consistent', decision: 'commit' },
  ]);

  const sent = () => ['confirmed-first', 'sold-first', 'consistent', 'not-on-record'];
  const reader = startReader({ databases, skus: ['A'], sent, open: () => 3 });
  await expect.poll(() => reader.samples.length).toBeGreaterThan(0);
  // Sold at last, and confirmed at last.
  await stock.updateOne({ _id: 'A' }, { $set: { holds: [], reserved: 0, sold: 3 } });
  await orders.updateOne({ _id: 'sold-first' }, { $set: { status: 'confirmed' } });
  const { samples, seen, decidedAt, violations } = await reader.stop();

  expect(samples[0]).toMatchObject({ open: 3, pending: 1, held: 2, inconsistent: 2 });
  expect(samples.at(-1)).toMatchObject({ pending: 0, held: 0, inconsistent: 0 });
  expect(seen).toMatchObject({ pending: 1, held: 2, inconsistent: 2 });
  expect(seen.inconsistentTotal).toBeGreaterThan(seen.inconsistentLongest);
  expect(seen.inconsistentLongest).toBeGreaterThan(0);
  expect([...decidedAt.keys()].sort()).toEqual(['confirmed-first', 'consistent', 'sold-first']);
  expect(violations).toEqual([]);
});

test('a reader tells of stock that does not add up at some moment', async () => {
  await using testDatabase = await openDatabase();
  const { database } = testDatabase;
  const broken = { _id: 'A', available: 5, reserved: 0, sold: 1, received: 7, holds: [], settled: [] };
  await database.collection<StockDocument>('stock').insertOne(broken);
  const reader = startReader({
    databases: { orders: database, inventory: database },
    skus: ['A'],
    sent: () => [],
    open: () => 0,
  });
  const { violations } = await reader.stop();
  expect(violations).toMatchObject([{ invariant: 'stock-adds-up', subject: 'A' }]);
});

function order(orderId: string, times: Omit<StreamedOrder, 'order'>): StreamedOrder {
  return { order: { orderId, customerId: 'c', lines: [{ sku: 'A', quantity: 1 }] }, ...times };
}
