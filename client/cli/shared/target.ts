import { connect } from 'node:net';
import type { ConnectionOptions } from '@temporalio/client';
import { defined } from '../../../domain/defined.ts';
import { parse } from '../../../domain/validation.ts';
import { isCompiled } from '../../../platform/compiled.ts';
import { isLoopback, splitAddress } from '../../../platform/connection/address.ts';
import type { EncryptionKeys } from '../../../platform/encryption/keys.ts';
import type { TemporalSettings } from '../../../platform/settings/read-temporal.ts';

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
  /** The workers' keys, if they encrypt. */
  readonly encryptionKeys: EncryptionKeys | undefined;
  /** Where the address comes from, such as `TEMPORAL_ADDRESS`. */
  readonly source: string;
  /** What to do if it can't be reached. */
  readonly fix: string;
  /** Further servers that could have been meant, where none was named. */
  readonly others: readonly string[];
  /** Where its Web UI is, as far as known. */
  readonly uiUrl?: string;
}

/**
 * Decides on the server: flags, then the environment and the Temporal configuration file, then the newest running
 * `npm start`, then localhost:7233.
 *
 * @throws ConcordError `InvalidInput` if the configuration can't be read.
 */
export async function findTarget(flags: GlobalOptions): Promise<Target> {
  // Loads the SDK's configuration: not for `--help`.
  const { readTemporal } = await import('../../../platform/settings/read-temporal.ts');
  const { address: validAddress } = await import('../../../platform/settings/variables.ts');
  const { readEncryption } = await import('../../../platform/settings/read-encryption.ts');
  const { runningTemporals } = await import('./running-start.ts');
  const { connection, ...configured } = readTemporal(process.env, flags.profile);
  const encryptionKeys = readEncryption(process.env);
  const running = runningTemporals();
  const [newest] = running;
  const named = flags.namespace ?? configured.namespace;
  const at = (address: string, source: string, fix: string, namespace = named ?? 'default'): Target => {
    const uiUrl = running.find((server) => server.address === address)?.uiUrl;
    const found = { address, namespace, connection: { ...connection, address }, encryptionKeys, source, fix };
    return { ...found, others: [], ...defined({ uiUrl }) };
  };
  const configuredAt = (address: string, source: string) =>
    at(address, source, `${source} names it: start it there, or name another`);

  if (flags.address !== undefined)
    return configuredAt(parse(validAddress, flags.address, '--address'), '--address');
  const source = configuredBy(flags, connection);
  if (source !== undefined) return configuredAt(connection.address ?? DEFAULT_ADDRESS, source);
  if (newest === undefined) return at(DEFAULT_ADDRESS, 'the default', DEFAULT_FIX);
  const chosen = at(newest.address, 'the running `npm start`', START_FIX, named ?? newest.namespace);
  return { ...chosen, others: await othersBeside(running.map(({ address }) => address)) };
}

/** Says which other servers there are, and how to name one; undefined if there is no choice. */
export function choiceText({ others }: Target): string | undefined {
  if (others.length === 0) return undefined;
  return `there is also ${others.join(', ')}: choose by --address or TEMPORAL_ADDRESS`;
}

/** Returns all but the first, and what listens where others serve by default, such as a compose file. */
async function othersBeside([chosen, ...others]: readonly string[]): Promise<string[]> {
  const { port } = splitAddress(DEFAULT_ADDRESS);
  const isKnown = [chosen, ...others].some(
    (known = '') => isLoopback(known) && splitAddress(known).port === port,
  );
  return isKnown || (await isRefused(DEFAULT_ADDRESS)) ? others : [...others, DEFAULT_ADDRESS];
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
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1_000 });
    const answer = (refused: boolean) => {
      socket.destroy();
      resolve(refused);
    };
    socket.once('connect', () => answer(false));
    socket.once('timeout', () => answer(false));
    socket.once('error', () => answer(true));
  });
}

const DEFAULT_ADDRESS = 'localhost:7233';
const START_FIX = '`npm start` runs, but its server does not answer: see what it prints';
const DEFAULT_FIX = `${isCompiled ? 'start it there' : 'start it with `npm start`'}, or set TEMPORAL_ADDRESS to the one you use`;

/** Returns what configured the server; undefined if nothing did. */
function configuredBy(
  { profile: flag }: GlobalOptions,
  { address, apiKey, tls }: TemporalSettings['connection'],
): string | undefined {
  if (process.env.TEMPORAL_ADDRESS) return 'TEMPORAL_ADDRESS';
  if (flag !== undefined) return `the profile ${flag}`;
  if (process.env.TEMPORAL_PROFILE) return `the profile ${process.env.TEMPORAL_PROFILE}`;
  // A key or a certificate without an address is still meant for a server of its own.
  const isConfigured = address !== undefined || apiKey !== undefined || tls !== undefined;
  return isConfigured ? 'the Temporal configuration' : undefined;
}
