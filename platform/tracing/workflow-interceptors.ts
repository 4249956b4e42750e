import {
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptors,
  type WorkflowInternalsInterceptor,
  type WorkflowOutboundCallsInterceptor,
  workflowInfo,
} from '@temporalio/workflow';
import { carrierIn } from './headers.ts';
import { ItemTraces } from './item-traces.ts';

/**
 * Bundled with every workflow. What it does depends on the history alone, never on how a worker is set: a workflow that was
 * started with a trace context is traced, and any other runs as if this were not here. So a history replays anywhere,
 * and turning tracing on or off meets no running order.
 */
export function interceptors(): WorkflowInterceptors {
  if (BATCHING.has(workflowInfo().workflowType)) {
    const traces = new ItemTraces();
    return { inbound: [traces.inbound], outbound: [traces.outbound] };
  }
  return interceptorsOfOne();
}

// They handle many orders for ever, so they belong to no order's trace: each item keeps its own.
const BATCHING = new Set(['mailbox', 'relay']);

function interceptorsOfOne(): WorkflowInterceptors {
  let traced: Tracing | undefined;
  const inbound: WorkflowInboundCallsInterceptor = {
    execute(input, next) {
      if (carrierIn(input.headers) !== undefined) traced = loadTracing();
      return traced ? traced.inbound.execute(input, next) : next(input);
    },
    handleSignal: (input, next) => (traced ? traced.inbound.handleSignal(input, next) : next(input)),
    handleUpdate: (input, next) => (traced ? traced.inbound.handleUpdate(input, next) : next(input)),
  };
  const outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) => (traced ? traced.outbound.scheduleActivity(input, next) : next(input)),
    startChildWorkflowExecution: (input, next) =>
      traced ? traced.outbound.startChildWorkflowExecution(input, next) : next(input),
    getLogAttributes: (input, next) => (traced ? traced.outbound.getLogAttributes(input, next) : next(input)),
  };
  const internals: WorkflowInternalsInterceptor = {
    dispose: (input, next) => void (traced ? traced.internals.dispose(input, next) : next(input)),
  };
  return { inbound: [inbound], outbound: [outbound], internals: [internals] };
}

type Tracing = ReturnType<typeof loadTracing>;

/** OpenTelemetry's SDK takes some milliseconds and some memory in each workflow, so only those that are traced load it. */
function loadTracing() {
  // An import would be loaded always, and a dynamic one takes a turn of the event loop: no order may depend on that.
  const loaded =
    require('@temporalio/interceptors-opentelemetry/lib/workflow') as typeof import('@temporalio/interceptors-opentelemetry/lib/workflow/index.js');
  return {
    inbound: new loaded.OpenTelemetryInboundInterceptor(),
    outbound: new loaded.OpenTelemetryOutboundInterceptor(),
    internals: new loaded.OpenTelemetryInternalsInterceptor(),
  };
}
