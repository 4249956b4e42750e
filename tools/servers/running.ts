import { randomUUID } from 'node:crypto';
import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import {
  readRecord,
  recordFiles,
  runningDirectory,
  startSchema,
} from '../../client/cli/shared/running-start.ts';
import { oneLine } from './attempts.ts';
import { remove } from './cache.ts';
import { createEnding } from './ending.ts';
import { end, identify, isAlive, isGoneWithin, processSchema } from './processes.ts';
import type { Report } from './report.ts';

/** Every throw-away directory's name begins with this; nothing else is ever removed on the word of a record. */
export const THROW_AWAY_PREFIX = 'concord-';

const recordSchema = startSchema.extend({
  /** The process that ends the servers when the owner is gone. */
  guard: processSchema.optional(),
  children: z.array(processSchema.extend({ name: z.string(), stopSignal: z.string(), graceMs: z.number() })),
  dataDirectory: z.string().optional(),
  throwAwayDirectories: z.array(z.string()),
  mongodb: z.object({ uri: z.string(), origin: z.string() }).optional(),
});

export type RunningRecord = z.output<typeof recordSchema>;

/** Writes the record of a start by this process; `update` changes some fields, on disk too. */
export function keepRecord(fields: Partial<RunningRecord> & Pick<RunningRecord, 'role'>) {
  const owner = identify(process.pid);
  if (owner === undefined) throw new Error('this process does not find itself');
  const file = path.join(runningDirectory(), `${process.pid}-${randomUUID()}.json`);
  const startedAt = new Date().toISOString();
  const empty = { ready: false, children: [], throwAwayDirectories: [] };
  let record: RunningRecord = { ...empty, startedAt, owner, ...fields };
  const update = (changes: Partial<RunningRecord>) => {
    record = { ...record, ...changes };
    mkdirSync(path.dirname(file), { recursive: true });
    // It may hold a connection string with a password. Renamed, so that nobody reads half of it.
    writeFileSync(`${file}.tmp`, `${JSON.stringify(record, null, 2)}\n`, { mode: 0o600 });
    renameSync(`${file}.tmp`, file);
  };
  update({});
  return { file, update, remove: () => rmSync(file, { force: true }) };
}

export function livingServers(): RunningRecord[] {
  const records = readStarts().map(({ start }) => start);
  return records.filter(({ owner }) => isAlive(owner));
}

/** Every start that is recorded, the newest first; also those whose owner is gone. */
function readStarts(): { file: string; start: RunningRecord }[] {
  return recordFiles()
    .flatMap((file) => {
      const start = readRecord(file, recordSchema);
      return start === undefined ? [] : [{ file, start }];
    })
    .sort((one, other) => other.start.startedAt.localeCompare(one.start.startedAt));
}

/** Ends what dead owners and their dead guards left: server processes, throw-away directories, records. */
export async function cleanUpAfterTheDead(report: Report): Promise<void> {
  for (const { file, start } of readStarts()) {
    if (isAlive(start.owner)) continue;
    // A living guard is at it already; a new server must not meet the old one on the same data.
    if (start.guard) await isGoneWithin(start.guard, 20_000);
    const left = `that an earlier run (${start.owner.pid}) left behind`;
    try {
      const ended = await endStart(file);
      if (ended > 0) report.note(`Ended ${ended} server processes ${left}.`);
    } catch (error) {
      report.note(`Not everything could be ended ${left}: ${oneLine(error)}`);
    }
  }
}

/** Ends what a start has left, and returns how many processes that were. */
export async function endStart(file: string): Promise<number> {
  const { children = [], throwAwayDirectories = [] } = readRecord(file, recordSchema) ?? {};
  let ended = 0;
  const { cleanUp, endAll } = createEnding();
  for (const directory of throwAwayDirectories.filter(path.isAbsolute)) {
    if (path.basename(directory).startsWith(THROW_AWAY_PREFIX)) cleanUp(() => remove(directory));
  }
  // The last one first: a server may need the one that was started before it.
  for (const { stopSignal, graceMs, ...identity } of children) {
    cleanUp(async () => {
      if (await end(identity, stopSignal as NodeJS.Signals, graceMs)) ended += 1;
    });
  }
  // If some can't be ended, the record stays for the next start.
  await endAll();
  await remove(file);
  return ended;
}
