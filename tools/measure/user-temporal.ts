import { findTarget, type GlobalOptions, isRefused } from '../../client/cli/shared/target.ts';
import { ConcordError } from '../../domain/errors.ts';
import type { UserTemporal } from './stage.ts';

/**
 * The server that the user names for a measurement; none where it is only what other commands would use.
 *
 * @throws ConcordError `Unreachable` where nothing answers there.
 */
export async function userTemporal(options: GlobalOptions): Promise<UserTemporal | undefined> {
  const profile = options.profile ?? process.env.TEMPORAL_PROFILE;
  if (!options.address && !process.env.TEMPORAL_ADDRESS && !profile) return undefined;
  const { address, connection, source, fix } = await findTarget(options);
  if (await isRefused(address)) throw new ConcordError('Unreachable', { server: 'Temporal', address, fix });
  const environment: Record<string, string> = profile ? { TEMPORAL_PROFILE: profile } : {};
  return { address, connection, source, environment };
}
