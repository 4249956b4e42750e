import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry';
import type { InjectedSinks } from '@temporalio/worker';
import type { Tracing, TracingOptions } from './opentelemetry.ts';

export type { Tracing };

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
