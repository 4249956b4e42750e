import { status } from '@grpc/grpc-js';
import { type Client, type WorkflowExecutionDescription, WorkflowFailedError } from '@temporalio/client';
import { ActivityFailure, ApplicationFailure, ValueError } from '@temporalio/common';
import { optionalTsToDate } from '@temporalio/common/lib/time.js';
import proto from '@temporalio/proto';
import { defined } from '../../domain/defined.ts';
import { ConcordError } from '../../domain/errors.ts';
import { grpcErrorIn } from '../connection/grpc-error.ts';

/** A workflow in a list. Times are ISO 8601. */
export interface Listed {
  readonly workflowId: string;
  readonly runId: string;
  readonly startedAt: string;
  readonly endedAt?: string;
  /** The server's own entry; its memo and search attributes are not decoded. */
  readonly info: NonNullable<Execution['workflowExecutionInfo']>;
}

export type Named = Pick<Listed, 'workflowId'>;
export type Run = Pick<Listed, 'workflowId' | 'runId'>;

/** Lists workflows. The SDK's own `list` fails as a whole on one memo that it can't read, and anyone can write one. */
export async function* listWorkflows(client: Client, query: string): AsyncGenerator<Listed, void, void> {
  const { namespace } = client.options;
  let nextPageToken: Uint8Array = new Uint8Array();
  do {
    const page = await client.workflowService.listWorkflowExecutions({ namespace, query, nextPageToken });
    for (const info of page.executions) {
      const { workflowId, runId } = info.execution ?? {};
      const startedAt = timeOf(info.startTime);
      if (!workflowId || !runId || startedAt === undefined) continue;
      yield defined({ workflowId, runId, startedAt, endedAt: timeOf(info.closeTime), info });
    }
    nextPageToken = page.nextPageToken;
  } while (nextPageToken.length > 0);
}

export function timeOf(timestamp: Parameters<typeof optionalTsToDate>[0]): string | undefined {
  return optionalTsToDate(timestamp)?.toISOString();
}

/** An execution as the server describes it; payloads are not decoded. */
export type Execution = WorkflowExecutionDescription['raw'];

/** Undefined if it is gone. The SDK's own `describe` fails on a memo that it can't read, as one without the key has it. */
export async function describeExecution(client: Client, { workflowId, runId }: Named & { runId?: string }) {
  const { namespace } = client.options;
  const execution = { workflowId, runId: runId ?? '' };
  try {
    return await client.workflowService.describeWorkflowExecution({ namespace, execution });
  } catch (error) {
    if (grpcErrorIn(error)?.code === status.NOT_FOUND) return undefined;
    throw error;
  }
}

/** Its status in words, such as `running` or `timed out`. */
export function statusOf({ workflowExecutionInfo: info }: Execution): string {
  const name = proto.temporal.api.enums.v1.WorkflowExecutionStatus[info?.status ?? 0] ?? '';
  return name.replace('WORKFLOW_EXECUTION_STATUS_', '').toLowerCase().replaceAll('_', ' ');
}

/** Returns false also if it is gone. The status is no measure: a paused workflow goes on as well. */
export function isRunning(execution: Execution | undefined): execution is Execution {
  return execution !== undefined && !execution.workflowExecutionInfo?.closeTime;
}

/** Why a workflow failed or was ended; undefined if it completed. */
export async function endOf(client: Client, { workflowId, runId }: Run) {
  try {
    await client.workflow.getHandle(workflowId, runId).result();
  } catch (error) {
    if (isUnreadable(error)) return { code: undefined, message: error.message };
    if (!(error instanceof WorkflowFailedError)) throw error;
    const cause = error.cause instanceof ActivityFailure ? error.cause.cause : error.cause;
    const code = cause instanceof ApplicationFailure ? cause.type : undefined;
    return cause && { code, message: cause.message };
  }
}

/** Anyone can start a workflow whose payloads claim to be JSON or encrypted, and are not. */
function isUnreadable(error: unknown): error is Error {
  if (error instanceof ConcordError) return error.code === 'UnknownKey' || error.code === 'DamagedPayload';
  return error instanceof ValueError;
}
