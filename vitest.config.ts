import { defineConfig } from 'vitest/config';

// A test's folder says what it needs, and so when it runs; CONTRIBUTING.md names the commands.
export default defineConfig({
  test: {
    pool: 'forks',
    // Two cores: more files at once would only slow one another down.
    maxWorkers: 2,
    projects: [
      {
        extends: true,
        // Some start a process.
        test: { name: 'unit', include: ['test/unit/**/*.test.ts'], testTimeout: 20_000 },
      },
      {
        extends: true,
        test: {
          name: 'servers',
          include: ['test/{workflows,system,long}/**/*.test.ts'],
          globalSetup: ['test/support/servers.ts'],
          // Real servers on a slow machine; a test that needs more says so itself.
          testTimeout: 60_000,
          hookTimeout: 120_000,
          // What a test waits for comes within a second or two; a slow machine must not make it fail.
          expect: { poll: { timeout: 30_000 } },
        },
      },
    ],
  },
});
