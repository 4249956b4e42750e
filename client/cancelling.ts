import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { WorkflowNotFoundError } from '@temporalio/client';
import { encodeToPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { CancelRequest } from '../domain/place-order.ts';
import { grpcErrorIn } from '../platform/connection/grpc-error.ts';
import { cancelSignal } from '../workflows/order/messages.ts';
import { type OrderHandle, queryProgress } from './view.ts';

/**
 * Sends a cancel request, which is durable then, and waits for the decision; undefined if there is none in `patience`
 * milliseconds. It is a signal and not an update: a workflow takes ten updates at once, which others may hold.
 * @throws WorkflowNotFoundError if the order's workflow has ended.
 */
export async function requestCancel(handle: OrderHandle, request: CancelRequest, patience: number) {
  const deadline = Date.now() + patience;
  await signalOnce(handle, request);
  for (let pause = FIRST_PAUSE; Date.now() < deadline; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    const progress = await queryProgress(handle, deadline);
    if (progress === undefined || progress.decision !== undefined) return progress?.decision;
    await delay(pause);
  }
  return undefined;
}

/**
 * Signals so that the history holds one signal however often an order is cancelled: the server takes only so many, and
 * drops those whose request id it has seen. `WorkflowHandle.signal` lets nobody choose that id.
 */
async function signalOnce({ client, workflowId }: OrderHandle, request: CancelRequest): Promise<void> {
  const { namespace, identity, loadedDataConverter } = client.options;
  const { name } = cancelSignal;
  const payloads = (await encodeToPayloads(loadedDataConverter, request)) ?? null;
  const signal = { signalName: name, requestId: name, input: { payloads } };
  const addressee = { namespace, workflowExecution: { workflowId } };
  try {
    await client.workflowService.signalWorkflowExecution({ ...addressee, identity, ...signal });
  } catch (error) {
    if (grpcErrorIn(error)?.code !== status.NOT_FOUND) throw error;
    throw new WorkflowNotFoundError('it has ended', workflowId, undefined);
  }
}

// Between two looks at what came of a cancel, in milliseconds.
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1_000;
