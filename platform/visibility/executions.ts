import { status } from '@grpc/grpc-js';
import { type Client, type WorkflowExecutionDescription, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, type ProtoFailure, ValueError } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { ConcordError } from '../../domain/errors.ts';
import { grpcErrorIn } from '../connection/grpc-error.ts';

/** A workflow in a list. */
export interface Listed {
  readonly workflowId: string;
  readonly runId: string;
  readonly startedAt: Date;
  readonly endedAt?: Date;
  /** As the server tells of it, with its memo and attributes as they came. */
  readonly info: Awaited<
    ReturnType<Client['workflowService']['listWorkflowExecutions']>
  >['executions'][number];
}

/**
 * Every workflow that the query finds. Not the SDK's own `list`: that fails as a whole on one memo that it can't read,
 * and anyone can start such a workflow.
 *
 * @param query In the language of Temporal's list filters.
 */
export async function* listWorkflows(client: Client, query: string): AsyncGenerator<Listed, void, void> {
  const { namespace } = client.options;
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    const page = await client.workflowService.listWorkflowExecutions({ namespace, query, nextPageToken });
    for (const info of page.executions) {
      const { workflowId, runId } = info.execution ?? {};
      const startedAt = optionalTsToDate(info.startTime);
      const endedAt = optionalTsToDate(info.closeTime);
      if (!workflowId || !runId || startedAt === undefined) continue;
      yield { workflowId, runId, startedAt, ...(endedAt === undefined ? {} : { endedAt }), info };
    }
    nextPageToken = page.nextPageToken;
  } while (nextPageToken.length > 0);
}

/** The condition of a query that only an order's deliveries meet; none without an order. An order id has no quotes. */
export function ofOrder(orderId: string | undefined): string {
  return orderId === undefined ? '' : ` AND WorkflowId STARTS_WITH 'event/${orderId}/'`;
}

/** An execution as Temporal tells of it, with everything encoded as it came. */
export type Execution = WorkflowExecutionDescription['raw'];

/**
 * Nothing where it is gone. Not the SDK's own `describe`: that fails where the memo can't be read, and who has not the key
 * must still see that an order is stuck.
 */
export async function describeExecution(
  client: Client,
  { workflowId, runId = '' }: { readonly workflowId: string; readonly runId?: string },
): Promise<Execution | undefined> {
  const { namespace } = client.options;
  try {
    const execution = { workflowId, runId };
    return await client.workflowService.describeWorkflowExecution({ namespace, execution });
  } catch (error) {
    if (grpcErrorIn(error)?.code === status.NOT_FOUND) return undefined;
    throw error;
  }
}

/** Its status in words, such as `running` or `timed out`. */
export function statusOf({ workflowExecutionInfo: info }: Execution): string {
  const name = WorkflowExecutionStatus[info?.status ?? 0] ?? '';
  return name.replace('WORKFLOW_EXECUTION_STATUS_', '').toLowerCase().replaceAll('_', ' ');
}

const { WorkflowExecutionStatus } = proto.temporal.api.enums.v1;

/** False also where it is gone. Not by its status: a paused workflow goes on as well. */
export function isRunning(execution: Execution | undefined): execution is Execution {
  return execution !== undefined && !execution.workflowExecutionInfo?.closeTime;
}

/** What an attempt has failed with, in its own words; where they are encrypted with a key that is not here, that. */
export async function messageOf(client: Client, failure: ProtoFailure | null | undefined): Promise<string> {
  try {
    const error = await decodeOptionalFailureToOptionalError(client.options.loadedDataConverter, failure);
    return error?.message ?? '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Why a workflow has failed or was ended. */
export async function endOf(
  client: Client,
  { workflowId, runId }: Pick<Listed, 'workflowId' | 'runId'>,
): Promise<{ code?: string; message: string } | undefined> {
  try {
    await client.workflow.getHandle(workflowId, runId).result();
    return undefined;
  } catch (error) {
    if (isUnreadable(error)) return { message: (error as Error).message };
    if (!(error instanceof WorkflowFailedError)) throw error;
    const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
    if (cause === undefined) return undefined;
    const code = cause instanceof ApplicationFailure ? cause.type : undefined;
    return { message: cause.message, ...(code == null ? {} : { code }) };
  }
}

/** Anyone can start a workflow with what nobody can read: it says that it is JSON, or encrypted, and isn't. */
function isUnreadable(error: unknown): boolean {
  if (error instanceof ConcordError) return error.code === 'UnknownKey' || error.code === 'DamagedPayload';
  return error instanceof ValueError;
}
