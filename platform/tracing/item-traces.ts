import type { WorkflowInboundCallsInterceptor, WorkflowOutboundCallsInterceptor } from '@temporalio/workflow';
import { type Carrier, carrierIn, withItemCarriers } from './headers.ts';

/**
 * In a workflow that handles many orders in batches: remembers in which trace each item has come, by a signal, and hands
 * that on with the batch. What waits when a run ends goes on without its trace.
 */
export class ItemTraces {
  private readonly carriers = new Map<string, Carrier>();

  readonly inbound: WorkflowInboundCallsInterceptor = {
    handleSignal: (input, next) => {
      const id = idOf(input.args[0]);
      const carrier = carrierIn(input.headers);
      if (id !== undefined && carrier !== undefined) this.remember(id, carrier);
      return next(input);
    },
  };

  readonly outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) => {
      const carriers = this.carriersOf(input.args[0]);
      if (carriers.length === 0) return next(input);
      return next({ ...input, headers: withItemCarriers(input.headers, Object.fromEntries(carriers)) });
    },
  };

  private remember(id: string, carrier: Carrier): void {
    this.carriers.set(id, carrier);
    const [oldest] = this.carriers.keys();
    if (this.carriers.size > MAXIMUM_REMEMBERED && oldest !== undefined) this.carriers.delete(oldest);
  }

  private carriersOf(batch: unknown): [string, Carrier][] {
    if (!Array.isArray(batch)) return [];
    return batch.flatMap((item): [string, Carrier][] => {
      const id = idOf(item);
      const carrier = id === undefined ? undefined : this.carriers.get(id);
      return id === undefined || carrier === undefined ? [] : [[id, carrier]];
    });
  }
}

// Some batches; an item is kept until newer ones need its place, because it may be tried again.
const MAXIMUM_REMEMBERED = 1_000;

/** An order id, as a relay gets it, or the id of a message, as a mailbox does. */
function idOf(item: unknown): string | undefined {
  if (typeof item === 'string') return item;
  if (typeof item !== 'object' || item === null || !('id' in item)) return undefined;
  return typeof item.id === 'string' ? item.id : undefined;
}
