import type { OpenTelemetrySinks } from '@temporalio/interceptors-opentelemetry';
import type { InjectedSinks } from '@temporalio/worker';
import { z } from 'zod';
import { parse } from '../../domain/validation.ts';
import { withoutEmpty } from '../settings/setting.ts';
import { tracingVariables } from '../settings/variables.ts';
import type { Tracing, TracingOptions } from './opentelemetry.ts';

export type { Tracing };

/** For a worker that doesn't trace: drops the spans of orders that were placed by a client that does. */
export const droppedSpans: InjectedSinks<OpenTelemetrySinks> = { exporter: { export: { fn: () => {} } } };

/** @throws ConcordError `InvalidInput`, naming each variable and the fix, if they ask for what is not supported. */
export function isTracingOn(variables: NodeJS.ProcessEnv): boolean {
  const given = withoutEmpty(variables);
  if (!given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT && !given.OTEL_EXPORTER_OTLP_ENDPOINT) return false;
  if (given.OTEL_SDK_DISABLED?.toLowerCase() === 'true' || given.OTEL_TRACES_EXPORTER === 'none')
    return false;
  // What is overridden, or that no sampler reads, asks for nothing.
  if (given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) delete given.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (given.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL) delete given.OTEL_EXPORTER_OTLP_PROTOCOL;
  if (!given.OTEL_TRACES_SAMPLER?.endsWith('ratio')) delete given.OTEL_TRACES_SAMPLER_ARG;
  parse(z.object(tracingVariables), given);
  return true;
}

/** Starts tracing if the environment asks for it; else nothing of OpenTelemetry is loaded. @throws ConcordError */
export async function startTracing(options: TracingOptions): Promise<Tracing | undefined> {
  if (!isTracingOn(process.env)) return undefined;
  const { startOpenTelemetry } = await import('./opentelemetry.ts');
  return startOpenTelemetry(options);
}
