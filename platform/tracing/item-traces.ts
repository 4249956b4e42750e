import type { WorkflowInboundCallsInterceptor, WorkflowOutboundCallsInterceptor } from '@temporalio/workflow';
import { type Carrier, carrierIn, withItemCarriers } from './headers.ts';

/** For a mailbox, which handles many orders: passes on the trace of each by whose signal something came in this run. */
export function itemTraces() {
  const remembered = new Map<unknown, Carrier>();
  const inbound: WorkflowInboundCallsInterceptor = {
    handleSignal: (input, next) => {
      const [envelope] = input.args as [{ readonly announcement?: Item }?];
      const orderId = envelope?.announcement?.subject;
      const carrier = carrierIn(input.headers);
      if (typeof orderId === 'string' && carrier !== undefined) remembered.set(orderId, carrier);
      const [oldest] = remembered.keys();
      if (remembered.size > MAXIMUM_REMEMBERED) remembered.delete(oldest);
      return next(input);
    },
  };
  const outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) => {
      const [batch] = input.args;
      const carriers = (Array.isArray(batch) ? batch : []).flatMap((item: Item) => {
        const carrier = remembered.get(item?.subject);
        return carrier === undefined ? [] : [[item?.id, carrier] as const];
      });
      if (carriers.length === 0) return next(input);
      return next({ ...input, headers: withItemCarriers(input.headers, Object.fromEntries(carriers)) });
    },
  };
  return { inbound: [inbound], outbound: [outbound] };
}

// Several batches: an order is heard of again, so it is kept until newer ones need its place.
const MAXIMUM_REMEMBERED = 1_000;

/** An announcement, or what anyone has sent in its place. */
type Item = { readonly id?: unknown; readonly subject?: unknown } | null | undefined;
