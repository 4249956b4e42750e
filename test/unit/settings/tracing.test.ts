import { propagation } from '@opentelemetry/api';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { startOpenTelemetry } from '../../../platform/tracing/opentelemetry.ts';
import { isTracingOn } from '../../../platform/tracing/tracing.ts';
import { readSettings } from '../../../workers/settings.ts';
import { runCli } from '../../support/run-cli.ts';

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

describe('what tracing does not support is refused by the name of its variable, before spans are lost:', () => {
  test.each([
    ['OTEL_EXPORTER_OTLP_PROTOCOL', 'grpc', 'use http/json, and the port'],
    ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'grpc', 'use http/json, and the port'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'use a URL such as http://localhost:4318'],
    ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'collector', 'use a URL such as http://localhost:4318'],
    ['OTEL_TRACES_EXPORTER', 'console', 'use otlp, which is the only exporter, or none'],
    ['OTEL_TRACES_EXPORTER', 'otlp,console', 'use otlp, which is the only exporter, or none'],
    ['OTEL_TRACES_SAMPLER', 'jaeger_remote', 'use one of always_on, always_off, traceidratio'],
    ['OTEL_TRACES_SAMPLER_ARG', '25%', 'use a number from 0 to 1'],
    ['OTEL_TRACES_SAMPLER_ARG', '2', 'use a number from 0 to 1'],
    ['OTEL_PROPAGATORS', 'b3', 'use tracecontext and baggage, one of them, or none'],
    ['OTEL_PROPAGATORS', 'tracecontext,jaeger', 'use tracecontext and baggage, one of them, or none'],
    ['OTEL_PROPAGATORS', 'none,baggage', 'use tracecontext and baggage, one of them, or none'],
  ])('%s=%s', (name, value, fix) => {
    const variables = { ...ENDPOINT, OTEL_TRACES_SAMPLER: 'traceidratio', [name]: value };
    expect(() => isTracingOn(variables)).toThrow(`${name}: ${fix}`);
    expect(() => readSettings(variables)).toThrow(`${name}: ${fix}`);
  });

  test('all of it at once', () => {
    const variables = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_TRACES_SAMPLER: 'xray' };
    expect(() => isTracingOn({ ...ENDPOINT, ...variables })).toThrow(
      /OTEL_EXPORTER_OTLP_PROTOCOL: .*OTEL_TRACES_SAMPLER: /,
    );
  });
});

test.each([
  [
    'http/protobuf, which every collector takes where it takes JSON',
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'http/protobuf' },
  ],
  [
    'a protocol for traces that wins over another',
    { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
  ],
  [
    'a sampler by ratio',
    { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
  ],
  ['an empty variable', { OTEL_TRACES_SAMPLER: '' }],
  ["an exporter's name", { OTEL_TRACES_EXPORTER: 'otlp' }],
  ['both usual propagators', { OTEL_PROPAGATORS: 'tracecontext, baggage' }],
  ['propagators that are named twice', { OTEL_PROPAGATORS: 'tracecontext,baggage,tracecontext' }],
  ['one propagator', { OTEL_PROPAGATORS: 'baggage' }],
  ['no propagator', { OTEL_PROPAGATORS: 'none' }],
  ['a share that the sampler does not read', { OTEL_TRACES_SAMPLER_ARG: '25%' }],
  ['a switch that is neither on nor off', { OTEL_SDK_DISABLED: '1' }],
])('traces are exported with %s', (_name, variables) => {
  expect(isTracingOn({ ...ENDPOINT, ...variables })).toBe(true);
});

test.each([
  ['tracing is switched off', { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
  ['tracing is switched off in capitals', { ...ENDPOINT, OTEL_SDK_DISABLED: 'TRUE' }],
  ['nothing is to be exported', { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  ['it is not said where to', {}],
  ['it is not said where to, and how does not matter', { OTEL_SDK_DISABLED: '1', OTEL_PROPAGATORS: 'b3' }],
  ['it is not said where to, but to the console', { OTEL_TRACES_EXPORTER: 'console' }],
  ['it is not said where to, but two ways', { OTEL_TRACES_EXPORTER: 'otlp,none' }],
])('where %s, no other variable is of interest', (_name, variables) => {
  expect(isTracingOn({ ...variables, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toBe(false);
});

test('the command line refuses it before it looks for a server, by 2', async () => {
  const env = { ...ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' };
  const { exitCode, stderr } = await runCli(['stock', '--address', '127.0.0.1:1'], { env });
  expect(exitCode).toBe(2);
  expect(stderr).toContain('OTEL_EXPORTER_OTLP_PROTOCOL: use http/json');
});

test.each([
  [undefined, ['traceparent', 'tracestate', 'baggage']],
  ['', ['traceparent', 'tracestate', 'baggage']],
  ['baggage, tracecontext,baggage', ['traceparent', 'tracestate', 'baggage']],
  ['tracecontext', ['traceparent', 'tracestate']],
  ['baggage', ['baggage']],
  ['none', []],
])('with OTEL_PROPAGATORS=%s, %j are passed on', async (value, fields) => {
  vi.stubEnv('OTEL_PROPAGATORS', value);
  const tracing = startOpenTelemetry({ service: 'test' });
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    propagation.disable();
    await tracing.stop(1_000);
  });
  expect(propagation.fields()).toEqual(fields);
});
