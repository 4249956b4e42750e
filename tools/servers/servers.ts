import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { defined } from '../../domain/defined.ts';
import { invalidInput } from '../../domain/validation.ts';
import { oneLine, ServersError } from './attempts.ts';
import { mongodbFromEnvironment, startMongoDB } from './mongodb.ts';
import type { Report } from './report.ts';
import { cleanUpAfterTheDead, livingServers, THROW_AWAY_PREFIX } from './running.ts';
import { createSupervisor, type OnLoss } from './supervisor.ts';
import { startTemporal, temporalFromEnvironment } from './temporal.ts';

export type Servers = Awaited<ReturnType<typeof startServers>>;

/** Starts both on loopback, unless the environment names running ones. @throws {ServersError | ConcordError} */
export async function startServers(options: {
  /** Keeps the data of both over restarts. Default: a directory that is removed at the end. */
  dataDirectory?: string | undefined;
  report: Report;
  /** The CLI finds only the servers of a `start`. Default: 'start'. */
  role?: 'start' | 'test';
  onDirectory?: (directory: string) => void;
  onLoss?: OnLoss;
}) {
  const { report } = options;
  await cleanUpAfterTheDead(report);
  const dataDirectory = options.dataDirectory && (await ownDataDirectory(options.dataDirectory));
  const about = defined({ role: options.role ?? 'start', dataDirectory: dataDirectory || undefined });
  const supervisor = await createSupervisor(about, options.onLoss);
  const directory = dataDirectory || (await mkdtemp(path.join(await realpath(tmpdir()), THROW_AWAY_PREFIX)));
  if (!dataDirectory) supervisor.removeAtEnd(directory);
  const { stop } = supervisor;
  const part = { supervisor, keepData: Boolean(dataDirectory), report };
  try {
    // Before anything is started: if a named one is not there, the others would be started in vain.
    const named = await both(temporalFromEnvironment(), mongodbFromEnvironment());
    options.onDirectory?.(directory);
    const [temporal, mongodb] = await both(
      named[0] ?? startTemporal({ ...part, directory: path.join(directory, 'temporal') }),
      named[1] ?? startMongoDB({ ...part, directory: path.join(directory, 'mongodb') }),
    );
    const { address, namespace, uiUrl, origin } = temporal;
    const servers = {
      temporal: defined({ address, namespace, origin, uiUrl }),
      mongodb: { uri: mongodb.uri, origin: mongodb.origin },
    };
    supervisor.announce({ ...servers, ready: true });
    /** `directory` has data and logs; `stop` ends what was started and removes throw-away data. Idempotent. */
    return { ...servers, directory, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function ownDataDirectory(given: string): Promise<string> {
  try {
    await mkdir(given, { recursive: true });
    await access(given, constants.W_OK);
  } catch (error) {
    const why = `${given} can't be used as data directory (${oneLine(error)})`;
    throw invalidInput('--data', `${why}. Name a directory that you may write to.`);
  }
  const directory = await realpath(given);
  const other = livingServers().find((record) => record.dataDirectory === directory);
  if (other === undefined) return directory;
  const what = `${directory} is in use by process ${other.owner.pid}, started ${other.startedAt}`;
  throw invalidInput('--data', `${what}. Stop that one, or use another data directory.`);
}

/** Both are awaited to their end even when one fails: a server that came up later would otherwise not be stopped. */
async function both<One, Other>(one: Promise<One> | One, other: Promise<Other> | Other) {
  const settled = await Promise.allSettled([one, other]);
  const reasons = settled.flatMap((each): unknown[] => (each.status === 'rejected' ? [each.reason] : []));
  // A defect of ours is what must be seen first.
  const defect = reasons.find((reason) => !(reason instanceof ServersError));
  if (defect !== undefined || reasons.length === 1) throw defect ?? reasons[0];
  if (reasons.length > 1)
    throw new ServersError(reasons.map((reason) => (reason as Error).message).join('\n\n'));
  return Promise.all([one, other]);
}
