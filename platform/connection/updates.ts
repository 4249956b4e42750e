import { status } from '@grpc/grpc-js';
import type { WorkflowService } from '@temporalio/client';
import { grpcErrorIn, wordsOf } from './grpc-error.ts';

// By the gRPC method that a server must know, and may have switched off with the setting `frontend.enable…`.
const FEATURES = [
  { method: 'ExecuteMultiOperation', feature: 'update-with-start' },
  { method: 'UpdateWorkflowExecution', feature: 'updates of workflows' },
];

// From here on, servers have both on by default.
const OLDEST_SERVER = '1.26';

/** Returns what the server lacks and what to do about it, if that is why a call failed. */
export function lackIn(error: unknown): { feature: string; fix: string } | undefined {
  const grpc = grpcErrorIn(error);
  const words = grpc === undefined ? '' : wordsOf(grpc);
  const lack = FEATURES.find(({ method }) => words.includes(method));
  if (lack === undefined) return undefined;
  const { feature, method } = lack;
  if (grpc?.code === status.UNIMPLEMENTED)
    return { feature, fix: `use Temporal Server ${OLDEST_SERVER} or newer` };
  // Whoever may not call it at all is told so in other words.
  if (grpc?.code !== status.PERMISSION_DENIED || !/ disabled /.test(words)) return undefined;
  const fix = `set frontend.enable${method} to true in its dynamic configuration, as it is by default from Temporal Server ${OLDEST_SERVER} on`;
  return { feature, fix };
}

/** Asks for updates that change nothing. @throws What the server answers if it would not take others; see `lackIn`. */
export async function tryUpdates(service: WorkflowService, namespace: string): Promise<void> {
  const request = { meta: { updateId: 'nothing' }, input: { name: 'nothing' } };
  const update = { namespace, workflowExecution: { workflowId: 'nobody' }, request };
  const unless = (expected: status) => (error: unknown) => {
    if (grpcErrorIn(error)?.code !== expected) throw error;
  };
  await service.executeMultiOperation({ namespace, operations: [] }).catch(unless(status.INVALID_ARGUMENT));
  await service.updateWorkflowExecution(update).catch(unless(status.NOT_FOUND));
}
