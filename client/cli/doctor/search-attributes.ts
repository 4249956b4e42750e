import { searchAttributeTypes } from '../../../domain/search-attributes.ts';
import type { Connected } from '../shared/session.ts';
import { type Check, failed, messageOf, ok } from './check.ts';

/** Orders go on without them, but lists can't ask for orders. */
export async function examineSearchAttributes({ concord }: Connected, mayFix: boolean): Promise<Check> {
  try {
    const registered = mayFix ? await concord.register() : [];
    const { missing, otherwise } = await concord.searchAttributes();
    if (otherwise.length > 0)
      return failed(ATTRIBUTES, `of another type: ${otherwise.join(', ')}`, REMOVE_FIX);
    if (missing.length > 0) return failed(ATTRIBUTES, `missing: ${missing.join(', ')}`, REGISTER_FIX);
    return ok(ATTRIBUTES, registered.length > 0 ? `registered: ${registered.join(', ')}` : 'all there');
  } catch (error) {
    return failed(ATTRIBUTES, messageOf(error), ADD_FIX);
  }
}

export const ATTRIBUTES = 'search attributes';
const ALL = Object.entries(searchAttributeTypes).map(([name, type]) => `${name} (${type})`);
const ADD_FIX = `add ${ALL.join(', ')} in your provider's own way`;
const REGISTER_FIX = "run `concord doctor --fix`; until then, lists in the Web UI can't tell orders apart";
const REMOVE_FIX =
  'remove them with `temporal operator search-attribute remove --name …`, then run `concord doctor --fix`';
