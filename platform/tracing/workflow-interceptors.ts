import {
  type WorkflowInboundCallsInterceptor,
  type WorkflowInterceptors,
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
  let tracing: Tracing | undefined;
  const inbound: WorkflowInboundCallsInterceptor = {
    execute(input, next) {
      if (carrierIn(input.headers) !== undefined) tracing = loadTracing();
      return tracing === undefined ? next(input) : tracing.inbound.execute(input, next);
    },
    handleSignal: (input, next) =>
      tracing === undefined ? next(input) : tracing.inbound.handleSignal(input, next),
    handleUpdate: (input, next) =>
      tracing === undefined ? next(input) : tracing.inbound.handleUpdate(input, next),
  };
  const outbound: WorkflowOutboundCallsInterceptor = {
    scheduleActivity: (input, next) =>
      tracing === undefined ? next(input) : tracing.outbound.scheduleActivity(input, next),
    startChildWorkflowExecution: (input, next) =>
      tracing === undefined ? next(input) : tracing.outbound.startChildWorkflowExecution(input, next),
    getLogAttributes: (input, next) =>
      tracing === undefined ? next(input) : tracing.outbound.getLogAttributes(input, next),
  };
  return {
    inbound: [inbound],
    outbound: [outbound],
    internals: [{ dispose: (input, next) => void (tracing?.internals.dispose(input, next) ?? next(input)) }],
  };
}

type Tracing = ReturnType<typeof loadTracing>;

/** OpenTelemetry's SDK takes some milliseconds and some memory in each workflow, so only those that are traced load it. */
function loadTracing() {
  const {
    OpenTelemetryInboundInterceptor,
    OpenTelemetryInternalsInterceptor,
    OpenTelemetryOutboundInterceptor,
  } =
    // An import would be loaded always, and a dynamic one takes a turn of the event loop: no order may depend on that.
    require('@temporalio/interceptors-opentelemetry/lib/workflow') as typeof import('@temporalio/interceptors-opentelemetry/lib/workflow/index.js');
  return {
    inbound: new OpenTelemetryInboundInterceptor(),
    outbound: new OpenTelemetryOutboundInterceptor(),
    internals: new OpenTelemetryInternalsInterceptor(),
  };
}
