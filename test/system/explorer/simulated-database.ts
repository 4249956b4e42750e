import { Query } from 'mingo';
import { updateOne } from 'mingo/updater';
import { type Collection, MongoServerError } from 'mongodb';

// The few operations of MongoDB that the participants use, over plain objects: each is one step, so that a scheduler can
// choose when it happens. `simulated-database.test.ts` holds it to what the real database does.

export type StoredDocument = { readonly _id: string } & Readonly<Record<string, unknown>>;

/** The documents by `<collection>/<_id>`. A state is never changed, so a copy of it is cheap. */
export type DatabaseState = ReadonlyMap<string, StoredDocument>;

/** An operation that somebody has asked for. */
export interface Command {
  readonly collection: string;
  readonly name: 'findOne' | 'find' | 'insertOne' | 'updateOne' | 'findOneAndUpdate';
  /** Plain values: the filter or document, the update, the options. */
  readonly args: readonly unknown[];
}

/** What an operation answers, and the documents after it. */
export interface Execution {
  readonly state: DatabaseState;
  /** Undefined where it has failed. */
  readonly result?: unknown;
  readonly error?: Error;
}

/** Does what a caller wants done, sooner or later. */
export type Submit = (command: Command) => Promise<unknown>;

/** A collection whose operations are submitted rather than done. */
export function simulatedCollection<Schema extends object>(name: string, submit: Submit): Collection<Schema> {
  const operation = (operationName: Command['name'], ...args: unknown[]) =>
    submit({ collection: name, name: operationName, args });
  const collection = {
    findOne: (...args: unknown[]) => operation('findOne', ...args),
    insertOne: (...args: unknown[]) => operation('insertOne', ...args),
    updateOne: (...args: unknown[]) => operation('updateOne', ...args),
    findOneAndUpdate: (...args: unknown[]) => operation('findOneAndUpdate', ...args),
    // Only ever sorted by `_id`, which is how the documents are found.
    find: (filter: object) => {
      const cursor = { sort: () => cursor, toArray: () => operation('find', filter) };
      return cursor;
    },
  };
  return collection as unknown as Collection<Schema>;
}

/** @param now What the database's clock shows as the command begins: `$$NOW` and `$currentDate`. */
export function execute(state: DatabaseState, command: Command, now: Date): Execution {
  try {
    return EXECUTE[command.name](state, command, now);
  } catch (error) {
    if (error instanceof MongoServerError) return { state, error };
    throw error;
  }
}

/** True where the command compares something with the clock that it reads as it begins. */
export function readsClock({ args: [filter] }: Command): boolean {
  return typeof filter === 'object' && filter !== null && '$expr' in filter;
}

type Execute = (state: DatabaseState, command: Command, now: Date) => Execution;

const EXECUTE: Readonly<Record<Command['name'], Execute>> = {
  findOne: (state, command, now) => ({
    state,
    result: structuredClone(matching(state, command, now)[0] ?? null),
  }),
  find: (state, command, now) => ({ state, result: structuredClone(matching(state, command, now)) }),

  insertOne(state, { collection, args: [document] }) {
    return { state: inserted(state, collection, structuredClone(document) as StoredDocument), result: {} };
  },

  updateOne(state, command, now) {
    const [found] = matching(state, command, now);
    if (found === undefined) return { state, result: { matchedCount: 0 } };
    const changed = updated(found, command.args[1] as Update, now);
    return { state: replaced(state, command.collection, changed), result: { matchedCount: 1 } };
  },

  findOneAndUpdate(state, command, now) {
    const { collection } = command;
    const [filter, update, options] = command.args as [object, Update, { upsert?: boolean }];
    const [found] = matching(state, command, now);
    if (found === undefined && options.upsert !== true) return { state, result: null };
    const { $setOnInsert, ...always } = update;
    const fresh = { ...equalitiesOf(filter), ...$setOnInsert } as unknown as StoredDocument;
    const changed = updated(found ?? structuredClone(fresh), always, now);
    const next =
      found === undefined ? inserted(state, collection, changed) : replaced(state, collection, changed);
    return { state: next, result: structuredClone(changed) };
  },
};

type Update = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

function matching(state: DatabaseState, { collection, args }: Command, now: Date): StoredDocument[] {
  const filter = args[0] as { readonly _id?: unknown };
  const query = new Query(atTime(filter, now) as Record<string, unknown>);
  const documents =
    typeof filter._id === 'string'
      ? [state.get(`${collection}/${filter._id}`)]
      : [...state].map(([key, document]) => (key.startsWith(`${collection}/`) ? document : undefined));
  return documents
    .filter((document) => document !== undefined && query.test(document))
    .map((document) => document as StoredDocument)
    .sort((one, other) => (one._id < other._id ? -1 : 1));
}

/** The filter with the clock's time in place of `$$NOW`. */
function atTime(value: unknown, now: Date): unknown {
  if (value === '$$NOW') return now;
  if (Array.isArray(value)) return value.map((item) => atTime(item, now));
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, atTime(item, now)]));
}

function updated(
  document: StoredDocument,
  { $currentDate = {}, ...update }: Update,
  now: Date,
): StoredDocument {
  const dates = Object.fromEntries(Object.keys($currentDate).map((field) => [field, now]));
  const changed = [structuredClone(document)];
  updateOne(changed, {}, { ...update, $set: { ...update.$set, ...dates } }, { cloneMode: 'deep' });
  return changed[0] as StoredDocument;
}

function inserted(state: DatabaseState, collection: string, document: StoredDocument): DatabaseState {
  if (state.has(`${collection}/${document._id}`)) {
    throw new MongoServerError({ code: 11_000, message: `duplicate key ${document._id}` });
  }
  return replaced(state, collection, document);
}

function replaced(state: DatabaseState, collection: string, document: StoredDocument): DatabaseState {
  return new Map(state).set(`${collection}/${document._id}`, document);
}

/** What an upsert takes from its filter. */
function equalitiesOf(filter: object): object {
  const isOperator = (value: unknown) =>
    typeof value === 'object' && value !== null && Object.keys(value).some((key) => key.startsWith('$'));
  return Object.fromEntries(
    Object.entries(filter).filter(([key, value]) => !key.startsWith('$') && !isOperator(value)),
  );
}
