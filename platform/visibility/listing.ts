import type { Client } from '@temporalio/client';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';

type Page = Awaited<ReturnType<Client['workflowService']['listWorkflowExecutions']>>;
/** An execution as the server tells of it, with its memo as it came. */
export type Execution = Page['executions'][number];

/** A workflow in a list. */
export interface Listed {
  readonly workflowId: string;
  readonly runId: string;
  readonly startedAt: Date;
  readonly endedAt?: Date;
}

/**
 * Every execution that the query finds. Not the SDK's own `list`: that fails as a whole on one memo that it can't read,
 * and anyone can start such a workflow.
 *
 * @param query In the language of Temporal's list filters.
 */
export async function* listExecutions(client: Client, query: string): AsyncGenerator<Execution, void, void> {
  const { namespace } = client.options;
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    const page = await client.workflowService.listWorkflowExecutions({ namespace, query, nextPageToken });
    yield* page.executions;
    nextPageToken = page.nextPageToken;
  } while (nextPageToken.length > 0);
}

/** What is needed of them to ask further. */
export async function* listWorkflows(client: Client, query: string): AsyncGenerator<Listed, void, void> {
  for await (const execution of listExecutions(client, query)) {
    const listed = listedOf(execution);
    if (listed !== undefined) yield listed;
  }
}

export function listedOf({ execution, startTime, closeTime }: Execution): Listed | undefined {
  const { workflowId, runId } = execution ?? {};
  const startedAt = optionalTsToDate(startTime);
  const endedAt = optionalTsToDate(closeTime);
  if (!workflowId || !runId || startedAt === undefined) return undefined;
  return { workflowId, runId, startedAt, ...(endedAt === undefined ? {} : { endedAt }) };
}

/** The condition of a query that only an order's deliveries meet; none without an order. An order id has no quotes. */
export function ofOrder(orderId: string | undefined): string {
  return orderId === undefined ? '' : ` AND WorkflowId STARTS_WITH 'event/${orderId}/'`;
}
