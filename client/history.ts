import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { type ProtoFailure, ValueError } from '@temporalio/common';
import {
  decodeArrayFromPayloads,
  decodeOptionalFailureToOptionalError,
} from '@temporalio/common/lib/internal-non-workflow/index.js';
import { ConcordError } from '../domain/errors.ts';

/** The argument that a workflow was started with, from its history: readable while no worker runs. */
export async function firstInput(client: Client, workflowId: string): Promise<unknown> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId },
    maximumPageSize: 1,
  });
  const started = history?.events?.[0]?.workflowExecutionStartedEventAttributes;
  if (!started) throw new WorkflowNotFoundError('no history', workflowId, undefined);
  const [input] = await decodeArrayFromPayloads(client.options.loadedDataConverter, started.input?.payloads);
  return input;
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

/** Anyone can start a workflow with what nobody can read: it says that it is JSON, or encrypted, and isn't. */
export function isUnreadable(error: unknown): boolean {
  if (error instanceof ConcordError) return error.code === 'UnknownKey' || error.code === 'DamagedPayload';
  return error instanceof ValueError;
}
