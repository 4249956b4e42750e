import type { Connected } from '../shared/session.ts';
import { type Check, failed, messageOf, ok } from './check.ts';

/** Without them nobody is told how an order was decided before every service is done with it. */
export async function examineUpdates({ concord, target }: Connected): Promise<Check> {
  const { lackIn, tryUpdates } = await import('../../../platform/connection/updates.ts'); // loads the SDK
  try {
    await tryUpdates(concord.client.workflowService, target.namespace);
    return ok(UPDATES, 'update-with-start works');
  } catch (error) {
    const { feature, fix } = lackIn(error) ?? {};
    if (feature === undefined || fix === undefined) return failed(UPDATES, messageOf(error), RIGHT_FIX);
    return failed(UPDATES, `the server has no ${feature}, which \`place --wait decided\` needs`, fix);
  }
}

export const UPDATES = 'updates';
const RIGHT_FIX = 'see whether TEMPORAL_API_KEY or the client certificate may start workflows there';
