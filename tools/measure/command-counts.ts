import type { MongoClient } from 'mongodb';
import { z } from 'zod';

export const commandCountsSchema = z.object({ writes: z.number(), reads: z.number() });
export type CommandCounts = Readonly<z.infer<typeof commandCountsSchema>>;

/** Every write of the services is a command of its own, for one document. */
const WRITES = ['insert', 'update', 'delete', 'findAndModify'];
const READS = ['find', 'aggregate', 'count', 'distinct'];

/** The driver tells of its commands only if the connection string asks for it. */
export function withCommandMonitoring(uri: string): string {
  const [base = '', query] = uri.split('?');
  const separator = query === undefined && !/\/\/[^/]*\//.test(base) ? '/?' : '?';
  return `${base}${separator}${query ? `${query}&` : ''}monitorCommands=true`;
}

/** Counts a client's commands from now on. One that is sent again after a lost connection counts again. */
export function countCommands(client: MongoClient): () => CommandCounts {
  let writes = 0;
  let reads = 0;
  client.on('commandStarted', ({ commandName }) => {
    if (WRITES.includes(commandName)) writes += 1;
    else if (READS.includes(commandName)) reads += 1;
  });
  return () => ({ writes, reads });
}
