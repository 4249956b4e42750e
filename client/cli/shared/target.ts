import { once } from 'node:events';
import { connect } from 'node:net';
import type { ConnectionOptions } from '@temporalio/client';
import { defined } from '../../../domain/defined.ts';
import { parse } from '../../../domain/validation.ts';
import { isCompiled } from '../../../platform/compiled.ts';
import { isLoopback, splitAddress } from '../../../platform/connection/address.ts';
import type { EncryptionKeys } from '../../../platform/encryption/keys.ts';
import type { TemporalSettings } from '../../../platform/settings/read-temporal.ts';
import { type RunningTemporal, runningTemporals } from './running-start.ts';

/** The options of every command. */
export interface GlobalOptions {
  readonly address?: string;
  readonly namespace?: string;
  readonly profile?: string;
}

/** The Temporal server to use, and why this one. */
export interface Target {
  readonly address: string;
  readonly namespace: string;
  readonly connection: ConnectionOptions;
  readonly encryptionKeys: EncryptionKeys | undefined;
  /** Where the address comes from, such as `TEMPORAL_ADDRESS`. */
  readonly source: string;
  /** What to do if it can't be reached. */
  readonly fix: string;
  /** Further servers that could have been meant, where none was named. */
  readonly others: readonly string[];
  readonly uiUrl?: string;
}

/** Decides on the server, as `concord --help` says. @throws ConcordError `InvalidInput` if the configuration is wrong. */
export async function findTarget(flags: GlobalOptions): Promise<Target> {
  // Loads the SDK's configuration: not for `--help`.
  const { readTemporal } = await import('../../../platform/settings/read-temporal.ts');
  const { address: validAddress } = await import('../../../platform/settings/variables.ts');
  const { readEncryption } = await import('../../../platform/settings/read-encryption.ts');
  const { connection, namespace } = readTemporal(process.env, flags.profile);
  const encryptionKeys = readEncryption(process.env);
  if (flags.address !== undefined) parse(validAddress, flags.address, '--address');
  const running = runningTemporals();
  const choice = configured(flags, connection) ?? (await started(running));
  const { address } = choice;
  const uiUrl = running.find((server) => server.address === address)?.uiUrl;
  const found = { ...choice, ...defined({ namespace: flags.namespace ?? namespace, uiUrl }), encryptionKeys };
  return { namespace: 'default', others: [], ...found, connection: { ...connection, address } };
}

type Choice = Pick<Target, 'address' | 'source' | 'fix'> & Partial<Pick<Target, 'namespace' | 'others'>>;

const DEFAULT_ADDRESS = 'localhost:7233';
const START_FIX = '`npm start` runs, but its server does not answer: see what it prints';
const DEFAULT_FIX = `${isCompiled ? 'start it there' : 'start it with `npm start`'}, or set TEMPORAL_ADDRESS to the one you use`;

/** Returns the server that flags, the environment or the configuration file name; undefined if none does. */
function configured(flags: GlobalOptions, connection: TemporalSettings['connection']): Choice | undefined {
  const address = flags.address ?? connection.address ?? DEFAULT_ADDRESS;
  const by = (source: string) => {
    return { address, source, fix: `${source} names it: start it there, or name another` };
  };
  if (flags.address !== undefined) return by('--address');
  if (process.env.TEMPORAL_ADDRESS) return by('TEMPORAL_ADDRESS');
  const profile = flags.profile ?? process.env.TEMPORAL_PROFILE;
  if (profile) return by(`the profile ${profile}`);
  // A key or a certificate without an address is still meant for a server of its own.
  const { address: other, apiKey, tls } = connection;
  return (other ?? apiKey ?? tls) === undefined ? undefined : by('the Temporal configuration');
}

/** Returns the server of the newest `npm start` that runs; without any, where one serves by default. */
async function started([newest, ...older]: readonly RunningTemporal[]): Promise<Choice> {
  if (newest === undefined) return { address: DEFAULT_ADDRESS, source: 'the default', fix: DEFAULT_FIX };
  const { address, namespace } = newest;
  const others = older.map((server) => server.address);
  // Something may serve where others do by default, such as a compose file.
  const { port } = splitAddress(DEFAULT_ADDRESS);
  const isThere = (known: string) => isLoopback(known) && splitAddress(known).port === port;
  if (![address, ...others].some(isThere) && !(await isRefused(DEFAULT_ADDRESS)))
    others.push(DEFAULT_ADDRESS);
  return { address, namespace, source: 'the running `npm start`', fix: START_FIX, others };
}

/** Says which other servers there are, and how to name one; undefined if there is no choice. */
export function choiceText({ others }: Target): string | undefined {
  if (others.length === 0) return undefined;
  return `there is also ${others.join(', ')}: choose by --address or TEMPORAL_ADDRESS`;
}

/** Returns the page of an order in the Web UI, as far as that is known. */
export function orderUrl({ uiUrl, namespace }: Target, orderId: string): string | undefined {
  if (uiUrl === undefined) return undefined;
  return `${uiUrl}/namespaces/${namespace}/workflows/${encodeURIComponent(`order/${orderId}`)}`;
}

/** True if nothing listens at an address of this machine: known at once, while gRPC would wait for seconds. */
export async function isRefused(address: string): Promise<boolean> {
  const { host, port } = splitAddress(address);
  if (!isLoopback(address) || port > 65_535) return false;
  const socket = connect({ host, port, timeout: 1_000 });
  const answer = Promise.race([once(socket, 'connect'), once(socket, 'timeout')]);
  const isAnswered = answer.then(() => true).catch(() => false);
  return !(await isAnswered.finally(() => socket.destroy()));
}
