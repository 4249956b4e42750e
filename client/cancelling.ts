import { setTimeout as delay } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import { WorkflowNotFoundError } from '@temporalio/client';
import { encodeToPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type { CancelRequest } from '../domain/place-order.ts';
import { grpcErrorIn } from '../platform/connection/grpc-error.ts';
import { cancelSignal } from '../workflows/order/messages.ts';
import { type OrderHandle, queryProgress } from './view.ts';

/** Asks durably, and waits for the decision, if it comes in time. @throws WorkflowNotFoundError if the order has ended. */
export async function requestCancel(handle: OrderHandle, request: CancelRequest, patience: number) {
  const deadline = Date.now() + patience;
  // A signal and not an update: a workflow takes ten of those at once, which others may hold.
  await signalOnce(handle, request);
  for (let pause = FIRST_PAUSE; Date.now() < deadline; pause = Math.min(pause * 2, LONGEST_PAUSE)) {
    const progress = await queryProgress(handle, deadline);
    if (progress === undefined || progress.decision !== undefined) return progress?.decision;
    await delay(pause);
  }
  return undefined;
}

/** Signals once, however often it is called: the server drops a request id that it has seen. The SDK lets nobody choose it. */
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
