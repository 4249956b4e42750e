import type { ConnectionOptions } from '@temporalio/client';
import { type ClientConfigProfile, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import { z } from 'zod';
import { ConcordError } from '../../domain/errors.ts';
import { parse } from '../../domain/validation.ts';
import { problemsOfTls } from './certificates.ts';
import { withoutEmpty } from './setting.ts';
import { temporalVariables } from './variables.ts';

const unsupported = z
  .string()
  .refine(() => false, 'is not supported: name the server in TEMPORAL_TLS_SERVER_NAME, or its CA')
  .optional();

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
  const set = withoutEmpty(variables);
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
