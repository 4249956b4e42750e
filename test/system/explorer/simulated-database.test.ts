import type { Collection } from 'mongodb';
import { MongoServerError } from 'mongodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { insertUnlessPresent, isDuplicateKey } from '../../../activities/mongodb/client.ts';
import { openDatabase, type TestDatabase } from '../../support/database.ts';
import { type DatabaseState, execute, simulatedCollection } from './simulated-database.ts';

// One suite for the real database and the simulated one: each operation that the participants use, in each of its forms.

interface Item {
  _id: string;
  count?: number;
  total?: number;
  owner?: string;
  lines?: { sku: string; quantity: number }[];
  marks?: { id: string; by?: number; until?: Date | null }[];
  at?: Date;
  state?: string | null;
}

let testDatabase: TestDatabase;
let number = 0;

beforeAll(async () => {
  testDatabase = await openDatabase();
});

afterAll(() => testDatabase[Symbol.asyncDispose]());

function real(): Collection<Item> {
  number += 1;
  return testDatabase.database.collection<Item>(`items-${number}`);
}

function simulated(): Collection<Item> {
  let state: DatabaseState = new Map();
  return simulatedCollection('items', async (command) => {
    const { result, error, ...next } = execute(state, command, new Date());
    state = next.state;
    if (error !== undefined) throw error;
    return result;
  });
}

const lines = [
  { sku: 'A', quantity: 1 },
  { sku: 'B', quantity: 2 },
];
const PAST = new Date('2020-01-01T00:00:00.000Z');
const FUTURE = new Date('2120-01-01T00:00:00.000Z');

describe.each([
  { name: 'the real database', create: real },
  { name: 'the simulated database', create: simulated },
])('$name', ({ create }) => {
  test('inserts a document once', async () => {
    const items = create();
    expect(await insertUnlessPresent(items, { _id: 'one', count: 1 })).toBe(true);
    expect(await insertUnlessPresent(items, { _id: 'one', count: 2 })).toBe(false);
    expect(await items.findOne({ _id: 'one' })).toEqual({ _id: 'one', count: 1 });
    expect(await items.findOne({ _id: 'two' })).toBeNull();
  });

  test('finds by equal values, also whole lists, and by absence', async () => {
    const items = create();
    await items.insertOne({ _id: 'one', owner: 'me', lines, state: null });
    const isFound = async (filter: object) => (await items.findOne({ _id: 'one', ...filter })) !== null;
    expect(await isFound({ owner: 'me', lines })).toBe(true);
    expect(await isFound({ lines: [...lines].reverse() })).toBe(false);
    expect(await isFound({ lines: lines.slice(0, 1) })).toBe(false);
    expect(await isFound({ state: null })).toBe(true);
    expect(await isFound({ owner: null })).toBe(false);
    expect(await isFound({ count: { $exists: false } })).toBe(true);
    expect(await isFound({ owner: { $exists: false } })).toBe(false);
  });

  test('finds by what is in a list, by all of its entries, and by one entry as a whole', async () => {
    const items = create();
    await items.insertOne({
      _id: 'one',
      marks: [
        { id: 'a', by: 1 },
        { id: 'b', by: 2 },
      ],
    });
    const isFound = async (filter: object) => (await items.findOne({ _id: 'one', ...filter })) !== null;
    expect(await isFound({ 'marks.id': 'a' })).toBe(true);
    expect(await isFound({ 'marks.id': { $ne: 'a' } })).toBe(false);
    expect(await isFound({ 'marks.id': { $ne: 'c' } })).toBe(true);
    expect(await isFound({ 'others.id': { $ne: 'c' } })).toBe(true);
    expect(await isFound({ marks: { $elemMatch: { id: 'a', by: 1 } } })).toBe(true);
    expect(await isFound({ marks: { $elemMatch: { id: 'a', by: 2 } } })).toBe(false);
    expect(await isFound({ marks: { $type: 'array' } })).toBe(true);
    expect(await isFound({ lines: { $type: 'array' } })).toBe(false);
    expect(await isFound({ 'marks.1': { $exists: false } })).toBe(false);
    expect(await isFound({ 'marks.2': { $exists: false } })).toBe(true);
  });

  test('compares with the clock and with numbers', async () => {
    const items = create();
    await items.insertOne({ _id: 'one', count: 3 });
    const isFound = async (filter: object) => (await items.findOne({ _id: 'one', ...filter })) !== null;
    expect(await isFound({ $expr: { $lt: ['$$NOW', FUTURE] } })).toBe(true);
    expect(await isFound({ $expr: { $lt: ['$$NOW', PAST] } })).toBe(false);
    expect(await isFound({ count: { $gte: 3 } })).toBe(true);
    expect(await isFound({ count: { $gte: 4 } })).toBe(false);
    expect(await isFound({ count: { $lte: 3 } })).toBe(true);
  });

  test('compares the times in a list with a time, and none with a null among them', async () => {
    const items = create();
    await items.insertOne({
      _id: 'past',
      marks: [
        { id: 'a', until: null },
        { id: 'b', until: PAST },
      ],
    });
    await items.insertOne({
      _id: 'none',
      marks: [
        { id: 'a', until: null },
        { id: 'b', until: FUTURE },
      ],
    });
    const past = { until: { $lt: new Date() } };
    for (const [_id, matchedCount] of [
      ['past', 1],
      ['none', 0],
    ] as const) {
      expect(
        await items.updateOne({ _id, marks: { $elemMatch: past } }, { $pull: { marks: past } }),
      ).toMatchObject({ matchedCount });
    }
    expect(await items.findOne({ _id: 'past' })).toMatchObject({ marks: [{ id: 'a', until: null }] });
    expect((await items.findOne({ _id: 'none' }))?.marks).toHaveLength(2);
  });

  test('changes counts, lists and fields in one write, or nothing', async () => {
    const items = create();
    await items.insertOne({ _id: 'one', count: 5, marks: [{ id: 'a' }], state: 'old' });
    const change = {
      $inc: { count: -2 },
      $push: { marks: { id: 'b', by: 1 } },
      $set: { owner: 'me' },
      $unset: { state: '' },
      $currentDate: { at: true },
    } as const;
    expect(await items.updateOne({ _id: 'one', count: { $gte: 9 } }, change)).toMatchObject({
      matchedCount: 0,
    });
    expect(await items.updateOne({ _id: 'one', count: { $gte: 5 } }, change)).toMatchObject({
      matchedCount: 1,
    });
    expect(await items.findOne({ _id: 'one' })).toEqual({
      ...{ _id: 'one', count: 3, marks: [{ id: 'a' }, { id: 'b', by: 1 }], owner: 'me' },
      at: expect.any(Date) as Date,
    });
    await items.updateOne({ _id: 'one' }, { $inc: { count: 1 }, $pull: { marks: { id: 'a' } } });
    expect(await items.findOne({ _id: 'one' })).toMatchObject({ count: 4, marks: [{ id: 'b', by: 1 }] });
    await items.updateOne({ _id: 'one' }, { $push: { lines: { sku: 'A', quantity: 1 } } });
    expect(await items.findOne({ _id: 'one' })).toMatchObject({ lines: [{ sku: 'A', quantity: 1 }] });
  });

  test('returns what it has changed or inserted, and refuses to insert what another filter has not found', async () => {
    const items = create();
    const upsert = (owner: string) =>
      items.findOneAndUpdate(
        { _id: 'one', owner, lines, state: null },
        { $setOnInsert: { count: 0 }, $inc: { total: 1 }, $currentDate: { at: true } },
        { upsert: true, returnDocument: 'after' },
      );
    const inserted = { _id: 'one', owner: 'me', lines, state: null, count: 0, total: 1 };
    expect(await upsert('me')).toEqual({ ...inserted, at: expect.any(Date) as Date });
    expect(await upsert('me')).toMatchObject({ total: 2 });
    const refusal = await upsert('another').catch((error: unknown) => error);
    expect(isDuplicateKey(refusal)).toBe(true);
    expect(refusal).toBeInstanceOf(MongoServerError);
    expect(
      await items.findOneAndUpdate({ _id: 'two' }, { $inc: { count: 1 } }, { returnDocument: 'after' }),
    ).toBeNull();
  });

  test('lists by id', async () => {
    const items = create();
    for (const _id of ['b', 'a', 'c']) await items.insertOne({ _id, count: 1 });
    const found = await items
      .find({ _id: { $in: ['c', 'a', 'x'] } })
      .sort({ _id: 1 })
      .toArray();
    expect(found.map(({ _id }) => _id)).toEqual(['a', 'c']);
  });
});
