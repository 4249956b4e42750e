import { afterAll, beforeAll, expect, test } from 'vitest';
import { shelve } from '../../support/inventory.ts';
import { type Platform, startPlatform } from '../../support/platform.ts';
import { runCli } from '../../support/run-cli.ts';

const SKUS = Array.from({ length: 40_000 }, (_, index) => `SKU-${String(index).padStart(5, '0')}`);

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform();
  for (let next = 0; next < SKUS.length; next += 20_000) {
    const units = SKUS.slice(next, next + 20_000).map((sku) => [sku, 5]);
    await shelve(platform.inventory, Object.fromEntries(units));
  }
});

afterAll(() => platform[Symbol.asyncDispose]());

test('all of 40,000 SKUs come from the client and down a pipe, each once and sorted', async () => {
  const found: string[] = [];
  for await (const { sku } of platform.concord.stockLevels()) found.push(sku);
  expect(found).toEqual(SKUS);
  const env = { TEMPORAL_ADDRESS: platform.address, TEMPORAL_NAMESPACE: platform.namespace };
  const { stdout, exitCode } = await runCli(['stock'], { env });
  expect([exitCode, stdout.split('\n')]).toEqual([0, SKUS.map((sku) => `${sku}\t5\t0\t0\t5`)]);
}, 180_000);
