import { constants } from 'node:fs';
import { access, mkdir, mkdtemp, realpath } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DataDirectoryError, oneLine, ServersError } from './attempts.ts';
import { mongodbFromEnvironment, startMongoDB } from './mongodb.ts';
import type { Report } from './report.ts';
import {
  cleanUpAfterTheDead,
  type KeptRecord,
  keepRecord,
  livingServers,
  THROW_AWAY_PREFIX,
} from './running.ts';
import { createSupervisor, type ServerCommand, type Supervisor } from './supervisor.ts';
import { startTemporal, temporalFromEnvironment } from './temporal.ts';

/** The servers that Concord needs, started by us or named by the environment. */
export type Servers = {
  readonly temporal: {
    /** host:port of the gRPC front end. */
    readonly address: string;
    readonly namespace: string;
    /** Where the Web UI answers; unknown for a server that TEMPORAL_ADDRESS names. */
    readonly uiUrl?: string;
    /** One line for people: where this server comes from. */
    readonly origin: string;
  };
  readonly mongodb: { readonly uri: string; readonly origin: string };
  /** Where data and logs are; removed at the end unless it is the data directory that was asked for. */
  readonly directory: string;
  /** Ends what was started and removes throw-away data. Idempotent. */
  stop(): Promise<void>;
};

/**
 * Starts Temporal and MongoDB side by side, on loopback only and on free ports; TEMPORAL_ADDRESS and MONGODB_URI name
 * running servers to use instead. They end with this process, in whatever way it ends.
 *
 * With `dataDirectory` both keep their data there over restarts; without it everything is thrown away.
 *
 * @throws {ServersError} with a message for the user: what failed and what to do next
 */
export async function startServers(options: {
  dataDirectory?: string;
  report: Report;
  /** What starts them. The CLI finds only the servers of a `start`. Default: 'start'. */
  role?: 'start' | 'test';
  /** Told where data and logs are, while the servers start. */
  onDirectory?: (directory: string) => void;
}): Promise<Servers> {
  const { report } = options;
  await cleanUpAfterTheDead(report);
  const dataDirectory = options.dataDirectory && (await ownDataDirectory(options.dataDirectory));
  const throwAway = dataDirectory ? undefined : await createThrowAwayDirectory();
  const directory = dataDirectory || throwAway || '';
  const keepData = throwAway === undefined;

  const supervisor = await createSupervisor();
  if (throwAway) supervisor.removeAtEnd(throwAway);
  const kept = await keepRecord({
    role: options.role ?? 'start',
    guard: supervisor.identity,
    throwAwayDirectories: throwAway ? [throwAway] : [],
    ...(dataDirectory ? { dataDirectory } : {}),
  });
  const recording = recordChildren(supervisor, kept);
  const part = { supervisor: recording, keepData, report };
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= supervisor.stop().then(() => kept.remove());
    return stopping;
  };

  // Before anything is started: where a named one is not there, the others would be started in vain.
  const named = await Promise.allSettled([temporalFromEnvironment(), mongodbFromEnvironment()]);
  const [namedTemporal, namedMongoDB] = named;
  if (namedTemporal.status === 'rejected' || namedMongoDB.status === 'rejected') {
    await stop();
    throw joinFailures(named);
  }

  options.onDirectory?.(directory);
  // Both are awaited to their end even when one fails: a server that came up later would otherwise not be stopped.
  const [temporal, mongodb] = await Promise.allSettled([
    namedTemporal.value ?? startTemporal({ ...part, directory: path.join(directory, 'temporal') }),
    namedMongoDB.value ?? startMongoDB({ ...part, directory: path.join(directory, 'mongodb') }),
  ]);
  if (temporal.status === 'rejected' || mongodb.status === 'rejected') {
    await stop();
    throw joinFailures([temporal, mongodb]);
  }

  const { address, namespace, origin } = temporal.value;
  const uiUrl = 'uiUrl' in temporal.value ? { uiUrl: temporal.value.uiUrl } : {};
  const servers = {
    temporal: { address, namespace, origin, ...uiUrl },
    mongodb: { uri: mongodb.value.uri, origin: mongodb.value.origin },
  };
  await kept.update({ ...servers, ready: true });
  return { ...servers, directory, stop };
}

/** A supervisor that puts each process into the record as soon as it runs. */
function recordChildren(supervisor: Supervisor, kept: KeptRecord): Supervisor {
  return {
    ...supervisor,
    async start(command: ServerCommand) {
      const server = await supervisor.start(command);
      const children = supervisor.processes();
      await kept.update({
        children: children.map(({ name, identity, stopSignal }) => ({ ...identity, name, stopSignal })),
      });
      return server;
    },
  };
}

/** @throws {ServersError} when another start uses that directory */
async function ownDataDirectory(given: string): Promise<string> {
  const directory = await createdDirectory(given);
  const other = (await livingServers()).find((record) => record.dataDirectory === directory);
  if (other === undefined) return directory;
  throw new DataDirectoryError(
    `${directory} is in use by process ${other.owner.pid}, started ${other.startedAt}. Stop that one, or use another data directory.`,
  );
}

async function createdDirectory(given: string): Promise<string> {
  try {
    await mkdir(given, { recursive: true });
    await access(given, constants.W_OK);
    return await realpath(given);
  } catch (error) {
    throw new DataDirectoryError(
      `${given} can't be used as data directory (${oneLine(error)}). Name a directory that you may write to.`,
    );
  }
}

async function createThrowAwayDirectory(): Promise<string> {
  return mkdtemp(path.join(await realpath(tmpdir()), THROW_AWAY_PREFIX));
}

function joinFailures(results: readonly PromiseSettledResult<unknown>[]): unknown {
  const reasons = results.flatMap((result) =>
    result.status === 'rejected' ? [result.reason as unknown] : [],
  );
  if (reasons.length === 2 && reasons.every((reason) => reason instanceof ServersError)) {
    return new ServersError(reasons.map(({ message }) => message).join('\n\n'));
  }
  // A defect of ours is what must be seen first.
  return reasons.find((reason) => !(reason instanceof ServersError)) ?? reasons[0];
}
