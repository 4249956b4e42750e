import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestProject } from 'vitest/node';
import { createReport } from '../../tools/servers/report.ts';
import { startServers } from '../../tools/servers/servers.ts';
import { timeSkippingServer } from '../../tools/servers/time-skipping.ts';
import { bundleWorkflows } from '../../workers/bundle.ts';
import type { ServiceName } from '../../workers/services.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    mongodbUri: string;
    /** The program of the time-skipping test server. */
    timeSkippingServer: { type: 'existing-path'; path: string };
    /** The workflow code of each service, bundled once for all tests. */
    workflowBundles: Record<ServiceName, string>;
  }
}

/** One MongoDB for all test files, and everything that is slow to get, got once. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const report = createReport();
  const directory = await mkdtemp(path.join(await realpath(tmpdir()), 'concord-tests-'));
  // What a test forgets goes with the rest.
  process.env.TMPDIR = directory;
  project.provide('workflowBundles', {
    orders: await bundleWorkflows('orders', directory),
    inventory: await bundleWorkflows('inventory', directory),
  });
  project.provide('timeSkippingServer', await timeSkippingServer(report));
  // Its Temporal goes unused, but proves that one is installed before the test files start theirs.
  let tearDown = async () => {};
  // Each test would wait for it up to its time limit.
  const onLoss = ({ message }: Error) => {
    console.error(message);
    void tearDown().finally(() => process.exit(1));
  };
  const servers = await startServers({ role: 'test', report, onLoss });
  project.provide('mongodbUri', servers.mongodb.uri);
  tearDown = async () => {
    await servers.stop();
    await rm(directory, { recursive: true, force: true });
  };
  return () => tearDown();
}
