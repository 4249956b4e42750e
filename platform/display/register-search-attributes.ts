import { status } from '@grpc/grpc-js';
import { type Connection, isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import pRetry from 'p-retry';
import type { SearchAttributeName } from '../../domain/search-attributes.ts';
import { searchAttributeNames, searchAttributeTypes } from '../../domain/search-attributes.ts';

type Server = Pick<Connection, 'operatorService' | 'workflowService'>;
type State = Awaited<ReturnType<typeof findSearchAttributes>>;

/** Those that the server did not take, with what it said. Orders do without them. */
type Refused = readonly { readonly name: SearchAttributeName; readonly reason: string }[];

/** Returns which of the orders' are missing; `otherwise`: exist with another type, which has to be removed first. */
export async function findSearchAttributes(server: Server, namespace: string) {
  const { customAttributes } = await server.operatorService.listSearchAttributes({ namespace });
  const missing = searchAttributeNames.filter((name) => customAttributes[name] === undefined);
  const otherwise = searchAttributeNames.flatMap((name) => {
    const type = customAttributes[name];
    return type === undefined || type === indexed(name) ? [] : [{ name, type: nameOf(type) }];
  });
  return { missing, otherwise };
}

/** Says in one line what orders do without, and why as far as it is known; empty if there is nothing. */
export function describeLack({ missing, otherwise }: State, refused: Refused = []): string {
  const refusals = [...new Set(refused.map(({ reason }) => reason))].map((reason) => {
    const names = refused.filter((one) => one.reason === reason).map(({ name }) => name);
    return `${names.join(', ')} (${reason})`;
  });
  const types = otherwise.map(({ name, type }) => `${name} (${type}, not ${searchAttributeTypes[name]})`);
  const lacks = {
    'of another type': types.join(', '),
    refused: refusals.join('; '),
    missing: without(missing, refused).join(', '),
  };
  const found = Object.entries(lacks).filter(([, names]) => names !== '');
  return found.map(([lack, names]) => `${lack}: ${names}`).join('; ');
}

/** Registers what a namespace lacks, as much as it takes, and returns once the server accepts it. Safe to repeat. */
export async function registerSearchAttributes(server: Server, namespace: string) {
  const { missing } = await findSearchAttributes(server, namespace);
  const refused = await addTo(server, namespace, missing);
  const registered = without(missing, refused);
  if (registered.length > 0) await untilTaken(server, namespace, registered);
  return { registered, refused };
}

function without(names: readonly SearchAttributeName[], refused: Refused) {
  return names.filter((name) => refused.every((one) => one.name !== name));
}

/** Adds all in one call; if the server refuses that, one by one, because one of them must not keep the others. */
async function addTo(server: Server, namespace: string, names: readonly SearchAttributeName[]) {
  const add = (added: readonly SearchAttributeName[]) => {
    const searchAttributes = Object.fromEntries(added.map((name) => [name, indexed(name)]));
    return server.operatorService.addSearchAttributes({ namespace, searchAttributes });
  };
  const refused: Refused[number][] = [];
  const isAdded = names.length === 0 || (await add(names).catch(() => undefined));
  for (const name of isAdded ? [] : names) {
    try {
      await add([name]);
    } catch (error) {
      if (!isGrpcServiceError(error)) throw error;
      if (error.code !== status.ALREADY_EXISTS) refused.push({ name, reason: error.details });
    }
  }
  return refused;
}

/** The server's parts learn of a change one by one, within ten seconds or so, and refuse the query until then. */
async function untilTaken(server: Server, namespace: string, names: readonly SearchAttributeName[]) {
  const query = ["WorkflowId = '-'", ...names.map((name) => `${name} IS NULL`)].join(' AND ');
  const count = () => server.workflowService.countWorkflowExecutions({ namespace, query });
  await pRetry(count, { retries: 60, factor: 1, minTimeout: 500 });
}

const { IndexedValueType } = proto.temporal.api.enums.v1;
const INDEXED = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  Bool: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
};
const indexed = (name: SearchAttributeName) => INDEXED[searchAttributeTypes[name]];

/** As Temporal's CLI writes it, such as `KeywordList`. */
function nameOf(type: number): string {
  const words = (IndexedValueType[type] ?? '').split('_').slice(3);
  return words.map((word) => word.charAt(0) + word.slice(1).toLowerCase()).join('');
}
