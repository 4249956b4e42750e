import { status } from '@grpc/grpc-js';
import { type Connection, isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import pRetry from 'p-retry';
import {
  type SearchAttributeName,
  searchAttributeNames,
  searchAttributeTypes,
} from '../../domain/search-attributes.ts';

/** How a namespace's search attributes compare with those of orders. */
export interface SearchAttributeState {
  readonly missing: readonly SearchAttributeName[];
  /** Those that exist with another type, which has to be removed first. */
  readonly otherwise: readonly SearchAttributeName[];
}

type Server = Pick<Connection, 'operatorService' | 'workflowService'>;

/** Compares a namespace's search attributes with those of orders. */
export async function findSearchAttributes(server: Server, namespace: string): Promise<SearchAttributeState> {
  const { customAttributes } = await server.operatorService.listSearchAttributes({ namespace });
  const missing = searchAttributeNames.filter((name) => customAttributes[name] === undefined);
  const otherwise = searchAttributeNames.filter((name) => customAttributes[name] !== indexed(name));
  return { missing, otherwise: otherwise.filter((name) => !missing.includes(name)) };
}

/**
 * Registers the search attributes that a namespace lacks, and returns once the server accepts them. Safe to repeat, also
 * at the same time.
 *
 * @returns The names that were missing.
 */
export async function registerSearchAttributes(
  server: Server,
  namespace: string,
): Promise<readonly SearchAttributeName[]> {
  const { missing } = await findSearchAttributes(server, namespace);
  if (missing.length === 0) return missing;
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, indexed(name)]));
  try {
    await server.operatorService.addSearchAttributes({ namespace, searchAttributes });
  } catch (error) {
    if (!isGrpcServiceError(error) || error.code !== status.ALREADY_EXISTS) throw error;
  }
  // The server's parts learn of a change one by one, within ten seconds or so, and refuse the query until then.
  const query = ["WorkflowId = '-'", ...missing.map((name) => `${name} IS NULL`)].join(' AND ');
  const count = () => server.workflowService.countWorkflowExecutions({ namespace, query });
  await pRetry(count, { retries: 60, factor: 1, minTimeout: 500 });
  return missing;
}

function indexed(name: SearchAttributeName): number {
  const { IndexedValueType } = proto.temporal.api.enums.v1;
  return {
    Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
    Bool: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
    KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
  }[searchAttributeTypes[name]];
}
