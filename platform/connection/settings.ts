import type { ConnectionOptions } from '@temporalio/client';
import { type ClientConfigProfile, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import { z } from 'zod';
import { ConcordError } from '../../domain/errors.ts';
import { parse } from '../../domain/validation.ts';
import { readableFile } from '../settings/readable-file.ts';
import { documented, truth, withoutEmpty } from '../settings/setting.ts';
import { problemsOfTls } from './temporal-tls.ts';

/** Where a Temporal server is. */
export const address = z
  .string()
  .regex(/^(\[[0-9A-Fa-f:.]+\]|[^\s:/@]+)(:\d{1,5})?$/, 'use host:port, without https:// before it')
  .refine((text) => Number(/:(\d+)$/.exec(text)?.[1] ?? 1) <= 65_535, 'use a port from 1 to 65535');
const printable = z
  .string()
  .regex(/^[\x21-\x7e]+$/, 'use what was issued, without spaces or line breaks around it');
const pem = z.string().regex(/-----BEGIN /, 'use PEM text, from -----BEGIN to -----END');
const unsupported = z
  .string()
  .refine(() => false, 'is not supported: name the server in TEMPORAL_TLS_SERVER_NAME, or its CA')
  .optional();

/** The variables of Temporal's own environment configuration that Concord honours. */
export const temporalVariables = {
  TEMPORAL_ADDRESS: documented(address.optional(), {
    purpose: 'the Temporal server',
    range: '`host:port`',
    otherwise: 'the profile, else `localhost:7233`',
  }),
  TEMPORAL_NAMESPACE: documented(z.string().optional(), {
    purpose: 'its namespace',
    range: 'a name',
    otherwise: 'the profile, else `default`',
  }),
  TEMPORAL_CONFIG_FILE: documented(readableFile.optional(), {
    purpose: 'profiles, in the TOML that the Temporal CLI writes, too',
    range: 'a path',
    otherwise: "`temporalio/temporal.toml` in the user's configuration",
  }),
  TEMPORAL_PROFILE: documented(z.string().optional(), {
    purpose: 'which of them counts; variables win over it',
    range: 'a name',
    otherwise: '`default`',
  }),
  TEMPORAL_API_KEY: documented(printable.optional(), {
    purpose: 'who we are, where the server takes API keys; switches TLS on',
    range: 'what was issued',
    secret: true,
  }),
  TEMPORAL_TLS: documented(truth.optional(), {
    purpose: 'encrypts the way to the server; any other `TEMPORAL_TLS_…` switches it on as well',
    range: '`true`, `false`',
    otherwise: '`false`',
  }),
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: documented(readableFile.optional(), {
    purpose: "whom to trust with the server's certificate",
    range: 'a PEM file',
    otherwise: 'the CAs that Node trusts',
  }),
  TEMPORAL_TLS_SERVER_CA_CERT_DATA: documented(pem.optional(), {
    purpose: 'the same, as text',
    range: 'PEM',
  }),
  TEMPORAL_TLS_SERVER_NAME: documented(z.string().optional(), {
    purpose: "the name in the server's certificate",
    range: 'a host name',
    otherwise: 'that of the address',
  }),
  TEMPORAL_TLS_CLIENT_CERT_PATH: documented(readableFile.optional(), {
    purpose: 'our own certificate, where the server wants one (mTLS)',
    range: 'a PEM file',
  }),
  TEMPORAL_TLS_CLIENT_CERT_DATA: documented(pem.optional(), { purpose: 'the same, as text', range: 'PEM' }),
  TEMPORAL_TLS_CLIENT_KEY_PATH: documented(readableFile.optional(), {
    purpose: 'its private key',
    range: 'a PEM file without passphrase',
  }),
  TEMPORAL_TLS_CLIENT_KEY_DATA: documented(pem.optional(), {
    purpose: 'the same, as text',
    range: 'PEM',
    secret: true,
  }),
};

const environment = z.object({
  ...temporalVariables,
  // The SDK reads it, and then verifies all the same.
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: unsupported,
});

/** How to reach Temporal. */
export interface TemporalSettings {
  /** For the SDK's `Connection` and `NativeConnection`; without an address where none is configured. */
  readonly connection: {
    readonly address?: string;
    readonly apiKey?: string;
    readonly tls?: NonNullable<ConnectionOptions['tls']>;
    readonly metadata?: Record<string, string>;
  };
  readonly namespace: string | undefined;
}

/**
 * Temporal's settings, from the environment and the profile that it names.
 *
 * @param profile Wins over TEMPORAL_PROFILE.
 * @throws ConcordError `InvalidInput`, naming each variable (or the field of the profile) and the fix, and no secret.
 */
export function readTemporal(variables: NodeJS.ProcessEnv, profile?: string): TemporalSettings {
  const set = withoutEmpty(variables, isMetadata);
  parse(environment, set);
  const loaded = loadProfile(set, profile);
  const name = profile ?? set.TEMPORAL_PROFILE ?? 'default';
  // What is missing beside variables is missing among them.
  const isFromProfile = !Object.keys(set).some((variable) => variable.startsWith('TEMPORAL_TLS_'));
  const problems = problemsOfTls(loaded.tls, (variable, field) =>
    isFromProfile ? `${field} of the profile ${name}` : variable,
  );
  if (problems.length > 0) throw new ConcordError('InvalidInput', { problems });
  const { connectionOptions, namespace } = toClientOptions(loaded);
  const { apiKey, tls } = connectionOptions;
  const metadata = loaded.grpcMeta;
  return {
    namespace,
    connection: {
      ...(connectionOptions.address === undefined ? {} : { address: connectionOptions.address }),
      ...(apiKey === undefined ? {} : { apiKey }),
      ...(tls == null ? {} : { tls }),
      ...(metadata === undefined ? {} : { metadata }),
    },
  };
}

function loadProfile(set: Record<string, string>, profile: string | undefined): ClientConfigProfile {
  try {
    return loadClientConfigProfile({ ...(profile === undefined ? {} : { profile }), overrideEnvVars: set });
  } catch (error) {
    const [fix = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    throw new ConcordError(
      'InvalidInput',
      { problems: [{ field: fieldOf(fix, profile), fix }] },
      { cause: error },
    );
  }
}

/** What to call that which `@temporalio/envconfig` complains of. */
function fieldOf(message: string, profile: string | undefined): string {
  const both = /both (\w+)_path/.exec(message)?.[1];
  if (both !== undefined) return `TEMPORAL_TLS_${both.toUpperCase()}_DATA`;
  if (!message.startsWith('Profile ')) return 'TEMPORAL_CONFIG_FILE';
  return profile === undefined ? 'TEMPORAL_PROFILE' : '--profile';
}

/** An empty one takes a header of the profile away. */
function isMetadata(name: string): boolean {
  return name.startsWith('TEMPORAL_GRPC_META_');
}
