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
    // What a test waits for comes within a second or two; a slow machine must not make it fail.
    expect: { poll: { timeout: 30_000 } },
  },
});
