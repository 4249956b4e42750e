import { type ClientConfigProfile, loadClientConfigProfile, toClientOptions } from '@temporalio/envconfig';
import { z } from 'zod';
import { defined } from '../../domain/defined.ts';
import { ConcordError } from '../../domain/errors.ts';
import { parse } from '../../domain/validation.ts';
import { problemsOfTls } from './certificates.ts';
import { withoutEmpty } from './setting.ts';
import { temporalVariables } from './variables.ts';

const environment = z.object({
  ...temporalVariables,
  // The SDK reads it, and then verifies all the same.
  TEMPORAL_TLS_DISABLE_HOST_VERIFICATION: z
    .undefined('is not supported: name the server in TEMPORAL_TLS_SERVER_NAME, or its CA')
    .optional(),
});

export type TemporalSettings = ReturnType<typeof readTemporal>;

/** `profile` wins over TEMPORAL_PROFILE. @throws ConcordError `InvalidInput`, naming each variable or field, no secret. */
export function readTemporal(variables: NodeJS.ProcessEnv, profile?: string) {
  const set = withoutEmpty(variables);
  parse(environment, set);
  const loaded = loadProfile(set, profile);
  const name = profile ?? set.TEMPORAL_PROFILE ?? 'default';
  // If any is given as a variable, the missing ones are missing there, too.
  const isFromProfile = !Object.keys(set).some((variable) => variable.startsWith('TEMPORAL_TLS_'));
  const problems = problemsOfTls(loaded.tls, (variable, field) =>
    isFromProfile ? `${field} of the profile ${name}` : variable,
  );
  if (problems.length > 0) throw new ConcordError('InvalidInput', { problems });
  const { connectionOptions, namespace } = toClientOptions(loaded);
  const { address, apiKey, tls } = connectionOptions;
  const metadata = loaded.grpcMeta;
  return { namespace, connection: defined({ address, apiKey, tls: tls ?? undefined, metadata }) };
}

function loadProfile(set: Record<string, string>, profile: string | undefined): ClientConfigProfile {
  try {
    return loadClientConfigProfile(defined({ profile, overrideEnvVars: set }));
  } catch (error) {
    const [fix = ''] = (error instanceof Error ? error.message : String(error)).split('\n');
    const problems = [{ field: fieldOf(fix, profile), fix }];
    throw new ConcordError('InvalidInput', { problems }, { cause: error });
  }
}

/** The field that an error of `@temporalio/envconfig` is about. */
function fieldOf(message: string, profile: string | undefined): string {
  const both = /both (\w+)_path/.exec(message)?.[1];
  if (both !== undefined) return `TEMPORAL_TLS_${both.toUpperCase()}_DATA`;
  if (!message.startsWith('Profile ')) return 'TEMPORAL_CONFIG_FILE';
  return profile === undefined ? 'TEMPORAL_PROFILE' : '--profile';
}
