import { status } from '@grpc/grpc-js';
import { type Connection, isGrpcServiceError } from '@temporalio/client';
import proto from '@temporalio/proto';
import pRetry from 'p-retry';
import {
  type SearchAttributeName,
  searchAttributeNames,
  searchAttributeTypes,
} from '../../domain/search-attributes.ts';

/** How a namespace's search attributes compare with those that orders carry. */
export interface SearchAttributeState {
  readonly missing: readonly SearchAttributeName[];
  /** Those that exist with another type, which has to be removed first. */
  readonly otherwise: readonly SearchAttributeName[];
}

type Server = Pick<Connection, 'operatorService' | 'workflowService'>;

/** Which search attributes a namespace lacks. */
export async function findSearchAttributes(server: Server, namespace: string): Promise<SearchAttributeState> {
  const { customAttributes } = await server.operatorService.listSearchAttributes({ namespace });
  return {
    missing: searchAttributeNames.filter((name) => customAttributes[name] === undefined),
    otherwise: searchAttributeNames.filter(
      (name) => customAttributes[name] !== undefined && customAttributes[name] !== indexed(name),
    ),
  };
}

/**
 * Registers what a namespace lacks, and returns once the server takes it. Safe to repeat, also at the same time.
 *
 * @returns What was missing.
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
  // Its parts learn of a change one by one, within ten seconds or so; until then they refuse the question.
  const query = ["WorkflowId = '-'", ...missing.map((name) => `${name} IS NULL`)].join(' AND ');
  await pRetry(() => server.workflowService.countWorkflowExecutions({ namespace, query }), {
    retries: 60,
    factor: 1,
    minTimeout: 500,
  });
  return missing;
}

const { IndexedValueType } = proto.temporal.api.enums.v1;
const INDEXED = {
  Keyword: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  Bool: IndexedValueType.INDEXED_VALUE_TYPE_BOOL,
  KeywordList: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD_LIST,
} as const;

function indexed(name: SearchAttributeName): number {
  return INDEXED[searchAttributeTypes[name]];
}
