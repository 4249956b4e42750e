import { type Client, WorkflowNotFoundError } from '@temporalio/client';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { temporal } from '@temporalio/proto';
import { timeOf } from '../platform/visibility/executions.ts';

/** The argument that a workflow was started with, from its history: readable while no worker runs. */
export async function firstInput(client: Client, workflowId: string): Promise<unknown> {
  return (await startOf(client, workflowId)).input;
}

/** The same, and when it was started, in ISO 8601: also of one that was reset. @throws WorkflowNotFoundError */
export async function startOf(client: Client, workflowId: string): Promise<{ input: unknown; time: string }> {
  const { history } = await client.workflowService.getWorkflowExecutionHistory({
    namespace: client.options.namespace,
    execution: { workflowId },
    maximumPageSize: 1,
  });
  const [first] = history?.events ?? [];
  const started = first?.workflowExecutionStartedEventAttributes;
  if (!started) throw new WorkflowNotFoundError('no history', workflowId, undefined);
  return { input: await firstValue(client, started.input), time: timeOf(first.eventTime) ?? '' };
}

export async function firstValue(client: Client, given: temporal.api.common.v1.IPayloads | null | undefined) {
  return (await decodeArrayFromPayloads(client.options.loadedDataConverter, given?.payloads))[0];
}
