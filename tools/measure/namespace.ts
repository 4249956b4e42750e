import { Connection, type ConnectionOptions } from '@temporalio/client';
import pRetry from 'p-retry';
import { registerSearchAttributes } from '../../platform/display/register-search-attributes.ts';

/** A Temporal namespace of its own, on a server that others use as well. */
export interface OwnNamespace {
  readonly name: string;
  /** Gives it back, where the server lets us: histories are gone then. */
  remove(): Promise<void>;
}

const RETENTION = { seconds: 24 * 60 * 60 };

/**
 * Registers a namespace, and waits until the server takes workflows in it.
 *
 * @throws Error where the server does not allow it.
 */
export async function openNamespace(name: string, options: ConnectionOptions): Promise<OwnNamespace> {
  const connection = await Connection.connect(options);
  await connection.workflowService.registerNamespace({
    namespace: name,
    description: 'a run of a measurement; may be deleted when that is over',
    workflowExecutionRetentionPeriod: RETENTION as never,
  });
  // Its own parts learn of a new namespace one by one, within ten seconds or so.
  await pRetry(() => probe(connection, name), { retries: 60, factor: 1, minTimeout: 500 });
  // Orders cost what they cost elsewhere. A server that forbids it runs them without.
  await registerSearchAttributes(connection, name).catch(() => {});
  return {
    name,
    async remove() {
      // Where that is forbidden, the histories go when their day is over.
      await connection.operatorService.deleteNamespace({ namespace: name }).catch(() => {});
      await connection.close();
    },
  };
}

async function probe({ workflowService }: Connection, namespace: string): Promise<void> {
  const workflowId = 'probe';
  await workflowService.startWorkflowExecution({
    namespace,
    workflowId,
    requestId: workflowId,
    workflowType: { name: 'probe' },
    taskQueue: { name: 'probe' },
  });
  await workflowService.terminateWorkflowExecution({ namespace, workflowExecution: { workflowId } });
}
