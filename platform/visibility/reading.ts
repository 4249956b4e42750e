import { type Client, isGrpcServiceError } from '@temporalio/client';
import { type ProtoFailure, ValueError } from '@temporalio/common';
import { decodeOptionalFailureToOptionalError } from '@temporalio/common/lib/internal-non-workflow/index.js';
import proto from '@temporalio/proto';
import { ConcordError } from '../../domain/errors.ts';

/** What an attempt has failed with, in its own words; where they are encrypted with a key that is not here, that. */
export async function messageOf(client: Client, failure: ProtoFailure | null | undefined): Promise<string> {
  try {
    const error = await decodeOptionalFailureToOptionalError(client.options.loadedDataConverter, failure);
    return error?.message ?? '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** An execution as Temporal tells of it, with everything encoded as it came. */
export type Execution = Awaited<ReturnType<Client['workflowService']['describeWorkflowExecution']>>;

/**
 * Nothing where it is gone. Not the SDK's own `describe`: that fails where the memo can't be read, and who has not the key
 * must still see that an order doesn't get on.
 */
export async function describeExecution(
  client: Client,
  execution: { readonly workflowId: string; readonly runId?: string },
): Promise<Execution | undefined> {
  const { namespace } = client.options;
  try {
    return await client.workflowService.describeWorkflowExecution({ namespace, execution });
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === NOT_FOUND) return undefined;
    throw error;
  }
}

// gRPC's.
const NOT_FOUND = 5;

/** Its status in words, such as `running` or `timed out`. */
export function statusOf({ workflowExecutionInfo: info }: Execution): string {
  const name = WorkflowExecutionStatus[info?.status ?? 0] ?? '';
  return name.replace('WORKFLOW_EXECUTION_STATUS_', '').toLowerCase().replaceAll('_', ' ');
}

const { WorkflowExecutionStatus } = proto.temporal.api.enums.v1;

/** Anyone can start a workflow with what nobody can read: it says that it is JSON, or encrypted, and isn't. */
export function isUnreadable(error: unknown): boolean {
  if (error instanceof ConcordError) return error.code === 'UnknownKey' || error.code === 'DamagedPayload';
  return error instanceof ValueError;
}
