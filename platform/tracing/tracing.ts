import type { WorkflowClientInterceptor } from '@temporalio/client';
import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry';
import type { ActivityInterceptorsFactory, InjectedSinks } from '@temporalio/worker';

/** What a client or worker needs to take part in traces. */
export interface Tracing {
  /** Hands the trace on to workflows. */
  readonly client: WorkflowClientInterceptor[];
  /** Around each activity, outside all others. */
  readonly activity: ActivityInterceptorsFactory;
  /** Takes the spans out of workflows. */
  readonly sinks: InjectedSinks<OpenTelemetrySinks>;
  /** Runs this in a span of its own, whose parent is the active one. */
  span<Result>(name: string, work: () => Promise<Result>): Promise<Result>;
  /** Exports what is left, for as long as `limit` milliseconds; never throws. */
  stop(limit: number): Promise<void>;
}

export interface TracingOptions {
  /** `service.name`, unless `OTEL_SERVICE_NAME` says otherwise. */
  readonly service: string;
  /** Told why spans could not be exported, at most once a minute. */
  readonly onError?: (error: Error) => void;
}

/** Where a worker doesn't trace, and an order that it meets was placed by somebody who does: its spans are dropped. */
export const droppedSpans: InjectedSinks<OpenTelemetrySinks> = { exporter: { export: { fn: () => {} } } };

/** True where OpenTelemetry's standard variables say that, and where, traces are to be exported. */
export function isTracingOn(variables: NodeJS.ProcessEnv): boolean {
  const endpoint = variables.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || variables.OTEL_EXPORTER_OTLP_ENDPOINT;
  const isOff = variables.OTEL_SDK_DISABLED === 'true' || variables.OTEL_TRACES_EXPORTER === 'none';
  return Boolean(endpoint) && !isOff;
}

/** Starts tracing in this process where the environment asks for it. Otherwise nothing of OpenTelemetry is loaded. */
export async function startTracing(options: TracingOptions): Promise<Tracing | undefined> {
  if (!isTracingOn(process.env)) return undefined;
  const { startOpenTelemetry } = await import('./opentelemetry.ts');
  return startOpenTelemetry(options);
}
