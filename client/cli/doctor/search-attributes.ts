import { searchAttributeTypes } from '../../../domain/search-attributes.ts';
import type { Connected } from '../shared/session.ts';
import { type Check, failed, messageOf, ok } from './check.ts';

/** Orders go on without them, but lists can't ask for orders by those that are missing. */
export async function examineSearchAttributes({ concord }: Connected, mayFix: boolean): Promise<Check> {
  // Loads the SDK, which is there by now.
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

export const ATTRIBUTES = 'search attributes';
const ALL = Object.entries(searchAttributeTypes).map(([name, type]) => `${name} (${type})`);
const ADD_FIX = `add ${ALL.join(', ')} in your provider's own way`;
const REGISTER_FIX = "run `concord doctor --fix`; until then, lists in the Web UI can't tell orders apart";
const REFUSED_FIX =
  "make room for what is refused, raise the server's limit or add it in your provider's own way, then run " +
  '`concord doctor --fix`; orders do without it';
const REMOVE_FIX =
  'while no order runs, remove what has another type with `temporal operator search-attribute remove --name …`, then run ' +
  '`concord doctor --fix`';
