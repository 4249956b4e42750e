import { configDefaults, defineConfig } from 'vitest/config';

// What takes minutes: whole set-ups, services that are down for days, every value that an attacker may send, every point at
// which a worker may die, whole comparisons, other projects, real browsers.
const long = [
  'test/activities/mongodb-revival.test.ts',
  'test/attack/activity-arguments.test.ts',
  'test/attack/strategies-input.test.ts',
  'test/attack/workflow-input.test.ts',
  'test/codec/encrypted-orders.test.ts',
  'test/codec/web-ui.test.ts',
  'test/compare/whole-run.test.ts',
  'test/deployment/package.test.ts',
  'test/dev/start.test.ts',
  'test/engine/whole.test.ts',
  'test/explorer/large-scenarios.test.ts',
  'test/examples/orders-with-payment.test.ts',
  'test/faults/recovery-points.test.ts',
  'test/faults/strategy-points.test.ts',
  'test/load/long-outage.test.ts',
  'test/operations/upgrade.test.ts',
  'test/operations/watch.test.ts',
  'test/settings/mongodb-password.test.ts',
  'test/telemetry/*.test.ts',
  'test/web-ui/web-ui.test.ts',
  'test/workers/processes.test.ts',
  'test/workflows/outages.test.ts',
];
const all = ['test/**/*.test.ts'];

// `npm test` and `npm run test:long` run a share each; `npx vitest run FILE` finds every file.
const shares: Readonly<Record<string, { include: string[]; exclude: string[] }>> = {
  short: { include: all, exclude: [...configDefaults.exclude, ...long] },
  long: { include: long, exclude: configDefaults.exclude },
};

export default defineConfig({
  test: {
    ...(shares[process.env.CONCORD_TESTS ?? ''] ?? { include: all }),
    globalSetup: ['test/support/servers.ts'],
    pool: 'forks',
    // Two cores: more files at once would only slow one another down.
    maxWorkers: 2,
    // Real servers on a slow machine; a test that needs more says so itself.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // What a test waits for comes within a second or two; a slow machine must not make it fail.
    expect: { poll: { timeout: 30_000 } },
  },
});
