import { createRequire } from 'node:module';
import { context, createTraceState, propagation, type SpanContext, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  CompositePropagator,
  setGlobalErrorHandler,
  W3CBaggagePropagator,
  W3CTraceContextPropagator,
} from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { registerInstrumentations } from '@opentelemetry/instrumentation';
import { MongoDBInstrumentation } from '@opentelemetry/instrumentation-mongodb';
import type { Resource } from '@opentelemetry/resources';
import { detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace-base';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry';
import { OpenTelemetryWorkflowClientInterceptor } from '@temporalio/interceptors-opentelemetry';
import type { InjectedSinks } from '@temporalio/worker';
import type { WorkflowInfo } from '@temporalio/workflow';
import { within } from '../time-limit.ts';
import { inSpan, tracedActivities } from './traced-activities.ts';

/** What a client or worker needs to take part in traces. */
export type Tracing = ReturnType<typeof startOpenTelemetry>;

export interface TracingOptions {
  /** `service.name`, unless `OTEL_SERVICE_NAME` says otherwise. */
  readonly service: string;
  /** Called with why spans could not be exported, at most once a minute. */
  readonly onError?: (error: Error) => void;
}

/** Starts OpenTelemetry, once. Spans are exported in the background; if that fails they are dropped. */
export function startOpenTelemetry({ service, onError = () => {} }: TracingOptions) {
  setGlobalErrorHandler(seldom(onError));
  const named = resourceFromAttributes({ 'service.name': service });
  const resource = named.merge(detectResources({ detectors: [envDetector] }));
  const processor = new BatchSpanProcessor(new OTLPTraceExporter());
  // An order of a hundred lines makes a long command; its beginning is enough.
  const spanLimits = { attributeValueLengthLimit: 1_000 };
  const provider = new BasicTracerProvider({ resource, spanProcessors: [processor], spanLimits });
  trace.setGlobalTracerProvider(provider);
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  const asked = process.env.OTEL_PROPAGATORS || 'tracecontext,baggage';
  const known = { tracecontext: new W3CTraceContextPropagator(), baggage: new W3CBaggagePropagator() };
  const propagators = Object.entries(known).flatMap(([name, each]) => (asked.includes(name) ? [each] : []));
  propagation.setGlobalPropagator(new CompositePropagator({ propagators }));
  instrumentMongoDb();
  const fn = (info: WorkflowInfo, spans: readonly WorkflowSpan[]) => {
    for (const span of spans) processor.onEnd(readable(span, info, resource));
  };
  const sinks: InjectedSinks<OpenTelemetrySinks> = { exporter: { export: { fn } } };
  return {
    /** Passes the trace on to workflows. */
    client: [commandsOnly()],
    /** Surrounds each activity; the outermost interceptor. */
    activity: tracedActivities,
    /** Exports the spans of workflows. */
    sinks,
    /** Runs work in a child of the active span. */
    span: inSpan,
    /** Exports what is left, within `limit` milliseconds; never throws. */
    stop: (limit: number) => within(limit, () => provider.shutdown()).catch(() => {}),
  };
}

/** Spans for commands within spans. ESM may have loaded the driver: requiring it once more patches what imports share. */
function instrumentMongoDb(): void {
  registerInstrumentations({ instrumentations: [new MongoDBInstrumentation({ requireParentSpan: true })] });
  const require = createRequire(import.meta.url);
  for (const patched of ['mongodb', 'mongodb/lib/cmap/connection.js']) require(patched);
}

/** Questions change nothing, and a client that follows an order asks several a second: they would only be noise. */
function commandsOnly(): WorkflowClientInterceptor {
  const questions = { query: undefined, describe: undefined };
  return Object.assign(new OpenTelemetryWorkflowClientInterceptor(), questions);
}

type WorkflowSpan = Parameters<OpenTelemetrySinks['exporter']['export']>[0][number];

/** A workflow's span in the form of OpenTelemetry's SDK 2: Temporal's interceptors for workflows still bring SDK 1. */
function readable(span: WorkflowSpan, info: WorkflowInfo, resource: Resource): ReadableSpan {
  const { spanContext, parentSpanId, instrumentationLibrary, attributes, ...same } = span;
  const { traceState, ...ids } = spanContext;
  const own: SpanContext =
    traceState === undefined ? ids : { ...ids, traceState: createTraceState(traceState) };
  // Not all of the info: memos hold what customers ordered.
  const { workflowId, runId, workflowType, taskQueue, namespace } = info;
  return {
    ...same,
    ...(parentSpanId === undefined ? {} : { parentSpanContext: { ...own, spanId: parentSpanId } }),
    spanContext: () => own,
    attributes: { ...attributes, workflowId, runId, workflowType, taskQueue, namespace },
    instrumentationScope: instrumentationLibrary,
    resource,
  };
}

function seldom(tell: (error: Error) => void): (error: unknown) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (error) => {
    if (Date.now() - last < 60_000) return;
    last = Date.now();
    tell(error instanceof Error ? error : new Error(String(error)));
  };
}
