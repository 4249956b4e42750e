import { searchAttributeTypes } from '../../../domain/search-attributes.ts';
import type { Connected } from '../shared/session.ts';
import { attempt, type Check, failed, messageOf, ok } from './check.ts';

export async function examineNamespace({ concord, target }: Connected): Promise<Check> {
  const { address, namespace } = target;
  const { namespaceFix } = await import('../../temporal-failures.ts'); // loads the SDK, which is there by now
  return attempt('namespace', namespaceFix(address, namespace), async () => {
    const { config } = await concord.client.workflowService.describeNamespace({ namespace });
    const days = Math.round(Number(config?.workflowExecutionRetentionTtl?.seconds ?? 0) / 86_400);
    return `${namespace}, keeps histories for ${days} ${days === 1 ? 'day' : 'days'}`;
  });
}

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

/** Orders go on without them, but lists can't ask for orders by those that are missing. */
export async function examineAttributes({ concord }: Connected, mayFix: boolean): Promise<Check> {
  const { describeLack } = await import('../../../platform/display/register-search-attributes.ts');
  try {
    const { registered, refused } = mayFix ? await concord.register() : { registered: [], refused: [] };
    const state = await concord.searchAttributes();
    const lack = describeLack(state, refused);
    const news = registered.length > 0 ? `registered: ${registered.join(', ')}` : '';
    if (lack === '') return ok(ATTRIBUTES, news || 'all there');
    const fixes: string[] = [];
    if (state.otherwise.length > 0) fixes.push(REMOVE_FIX);
    if (refused.length > 0) fixes.push(REFUSED_FIX);
    if (state.missing.length > refused.length && state.otherwise.length === 0) fixes.push(REGISTER_FIX);
    return failed(ATTRIBUTES, news ? `${news}; ${lack}` : lack, fixes.join('; '));
  } catch (error) {
    return failed(ATTRIBUTES, messageOf(error), ADD_FIX);
  }
}

const UPDATES = 'updates';
const RIGHT_FIX = 'see whether TEMPORAL_API_KEY or the client certificate may start workflows there';
const ATTRIBUTES = 'search attributes';
export const NAMES = [UPDATES, ATTRIBUTES];
const ALL = Object.entries(searchAttributeTypes).map(([name, type]) => `${name} (${type})`);
const ADD_FIX = `add ${ALL.join(', ')} in your provider's own way`;
const REGISTER_FIX = "run `concord doctor --fix`; until then, lists in the Web UI can't tell orders apart";
const REFUSED_FIX =
  "make room for what is refused, raise the server's limit or add it in your provider's own way, then run " +
  '`concord doctor --fix`; orders do without it';
const REMOVE_FIX =
  'while no order runs, remove what has another type with `temporal operator search-attribute remove --name …`, then run ' +
  '`concord doctor --fix`';
