import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/servers.ts'],
    pool: 'forks',
    // Two cores: more files at once would only slow one another down.
    maxWorkers: 2,
    // Real servers on a slow machine; a test that needs more says so itself.
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
