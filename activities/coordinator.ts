import {
  type Client,
  type WorkflowExecutionDescription,
  type WorkflowHandle,
  WorkflowNotFoundError,
} from '@temporalio/client';
import type { Payload } from '@temporalio/common';
import { decodeArrayFromPayloads } from '@temporalio/common/lib/internal-non-workflow/index.js';
import { identifier } from '../domain/order.ts';
import type { RollbackRequest } from '../domain/participant.ts';
import { workflowIdOf } from '../domain/place-order.ts';
import { type Coordinator, type Decision, isAboutAnother, resolutionIdOf } from '../domain/resolution.ts';
import { parse } from '../domain/validation.ts';

/** Who knows what became of the workflows of an order: the only code of a service that asks Temporal. */
export interface Coordinators {
  /** Of the workflow that placed the order. */
  findCoordinator(orderId: string): Promise<Coordinator>;
  /** True where a resolution of the order runs, or has failed and waits for an operator. */
  isBeingResolved(orderId: string): Promise<boolean>;
}

/** @param client Reaches the namespace that the orders run in. */
export function createCoordinators(client: Client): Coordinators {
  return {
    async findCoordinator(input) {
      const orderId = parse(identifier(), input, 'orderId');
      const handle = client.workflow.getHandle(workflowIdOf(orderId));
      const found = await describe(handle);
      if (found === undefined) return { state: 'unknown' };
      // Not by its status: a paused workflow goes on as well.
      if (found.closeTime === undefined) return { state: 'running' };
      const decision = (await decisionIn(handle)) ?? (await decisionOfResolutions(orderId));
      return { state: 'closed', ...(decision === undefined ? {} : { decision }) };
    },

    async isBeingResolved(orderId) {
      const found = await describe(client.workflow.getHandle(resolutionIdOf(orderId)));
      return found !== undefined && (found.closeTime === undefined || found.status.name === 'FAILED');
    },
  };

  /** A resolution that was terminated has decided all the same. */
  async function decisionOfResolutions(orderId: string): Promise<Decision | undefined> {
    const query = `WorkflowId = '${resolutionIdOf(orderId)}' AND ExecutionStatus != 'Running'`;
    for await (const { workflowId, runId } of client.workflow.list({ query })) {
      const decision = await decisionIn(client.workflow.getHandle(workflowId, runId));
      if (decision !== undefined) return decision;
    }
    return undefined;
  }

  /** Nothing is settled before the decision, so what was scheduled shows it. */
  async function decisionIn(handle: WorkflowHandle): Promise<Decision | undefined> {
    const { events } = await handle.fetchHistory();
    for (const { activityTaskScheduledEventAttributes: scheduled } of events ?? []) {
      const step = scheduled?.activityType?.name ?? '';
      if (step.endsWith('.commit')) return { status: 'confirmed' };
      if (step.endsWith('.rollback')) {
        const { status, reason } = await firstArgument<RollbackRequest>(scheduled?.input?.payloads);
        return isAboutAnother(reason) ? undefined : { status, reason };
      }
    }
    return undefined;
  }

  async function firstArgument<Argument>(payloads: Payload[] | null | undefined): Promise<Argument> {
    const [argument] = await decodeArrayFromPayloads(client.options.loadedDataConverter, payloads);
    return argument as Argument;
  }
}

async function describe(handle: WorkflowHandle): Promise<WorkflowExecutionDescription | undefined> {
  try {
    return await handle.describe();
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return undefined;
    throw error;
  }
}
