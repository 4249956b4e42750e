import { status } from '@grpc/grpc-js';
import type { WorkflowService } from '@temporalio/client';
import { grpcErrorIn, wordsOf } from './grpc-error.ts';

/** What a server lacks that Concord uses, and what to do about it. */
export interface Lack {
  readonly feature: string;
  readonly fix: string;
}

// By the gRPC method that a server must know, and may have switched off.
const FEATURES: readonly (readonly [method: string, feature: string, setting: string])[] = [
  ['ExecuteMultiOperation', 'update-with-start', 'frontend.enableExecuteMultiOperation'],
  ['UpdateWorkflowExecution', 'updates of workflows', 'frontend.enableUpdateWorkflowExecution'],
];

// From here on, servers have both on by default.
const OLDEST_SERVER = '1.26';

/** Returns what the server lacks, if that is why a call failed. */
export function lackIn(error: unknown): Lack | undefined {
  const grpc = grpcErrorIn(error);
  if (grpc === undefined) return undefined;
  const words = wordsOf(grpc);
  const [method, feature, setting] = FEATURES.find(([name]) => words.includes(name)) ?? [];
  if (method === undefined || feature === undefined) return undefined;
  if (grpc.code === status.UNIMPLEMENTED)
    return { feature, fix: `use Temporal Server ${OLDEST_SERVER} or newer` };
  // Whoever may not call it at all is told so in other words.
  if (grpc.code !== status.PERMISSION_DENIED || !/ disabled /.test(words)) return undefined;
  const fix = `set ${setting} to true in its dynamic configuration, as it is by default from Temporal Server ${OLDEST_SERVER} on`;
  return { feature, fix };
}

/**
 * Asks for updates that change nothing: one has nothing to do, one is for a workflow that never was.
 *
 * @throws What the server answers if it would not take other ones, too; see {@link lackIn}.
 */
export async function tryUpdates(service: WorkflowService, namespace: string): Promise<void> {
  await expecting(status.INVALID_ARGUMENT, () =>
    service.executeMultiOperation({ namespace, operations: [] }),
  );
  const workflowExecution = { workflowId: 'nobody' };
  const request = { meta: { updateId: 'nothing' }, input: { name: 'nothing' } };
  await expecting(status.NOT_FOUND, () =>
    service.updateWorkflowExecution({ namespace, workflowExecution, request }),
  );
}

async function expecting(code: status, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
  } catch (error) {
    if (grpcErrorIn(error)?.code !== code) throw error;
  }
}
