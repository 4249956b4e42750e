import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { execa } from 'execa';
import { describe, expect, test, vi } from 'vitest';
import { isTracingOn, startTracing } from '../../../platform/tracing/tracing.ts';
import { startOtlpReceiver } from './otlp-receiver.ts';

// What may not cost anything, or stop anybody.

const ENDPOINT = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };

describe('traces are exported', () => {
  test.each([
    [true, ENDPOINT],
    [true, { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9/v1/traces' }],
    [false, {}],
    [false, { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    [false, { OTEL_SERVICE_NAME: 'orders' }],
    [false, { ...ENDPOINT, OTEL_SDK_DISABLED: 'true' }],
    [false, { ...ENDPOINT, OTEL_TRACES_EXPORTER: 'none' }],
  ])('%s: %o', (expected, variables) => {
    expect(isTracingOn(variables)).toBe(expected);
  });
});

test('a worker and a client load nothing of OpenTelemetry unless they are told where to export to', async () => {
  expect(await loadedWith({ OTEL_EXPORTER_OTLP_ENDPOINT: undefined })).toEqual([]);
  expect(await loadedWith(ENDPOINT)).toContain('@opentelemetry/sdk-trace-base');
});

/** The packages of OpenTelemetry that are in memory once a worker and a client could start. */
async function loadedWith(env: Record<string, string | undefined>): Promise<string[]> {
  const script = `
    import { createRequire } from 'node:module';
    await import('./workers/create-worker.ts');
    await import('./client/concord.ts');
    const { startTracing } = await import('./platform/tracing/tracing.ts');
    await startTracing({ service: 'test' });
    const files = Object.keys(createRequire(import.meta.url).cache);
    const packages = files.map((file) => /@opentelemetry.[^/\\\\]+/.exec(file)?.[0]).filter(Boolean);
    console.log(JSON.stringify([...new Set(packages)]));
    process.exit();
  `;
  const args = ['--import', 'tsx', '--input-type=module', '-e', script];
  return JSON.parse((await execa(process.execPath, args, { env })).stdout);
}

test('a collector that takes requests and answers none keeps nobody who stops', async () => {
  await using collector = await startOtlpReceiver();
  collector.hang();
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', collector.endpoint);
  const tracing = await startTracing({ service: 'test' });
  vi.unstubAllEnvs();
  await tracing?.span('something', async () => {});
  const before = performance.now();
  await tracing?.stop(200);
  expect(performance.now() - before).toBeLessThan(1_000);
  // The attempt itself goes on, in the background.
  await expect.poll(collector.unanswered).toBe(1);
});

test('a port for metrics that is taken is named, and ends the worker with 2', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const env = { METRICS_PORT: String((server.address() as AddressInfo).port) };
  const args = ['--import', 'tsx', 'workers/orders.ts'];
  const { exitCode, stderr } = await execa(process.execPath, args, { env, reject: false });
  server.close();
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/^METRICS_PORT, METRICS_HOST: .*Address already in use.*; use a free port$/);
});
