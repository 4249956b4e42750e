// Downloads one server with the library that knows where from, and prints its path.
// In a process of its own: such a download cannot be cancelled, and the SDK's runtime exists only once in a process.

import { access, readdir } from 'node:fs/promises';
import path from 'node:path';

const [what, directory] = process.argv.slice(2);

try {
  if (!directory) throw new Error('usage: download.mjs temporal|test-server|mongod DIRECTORY');
  process.stdout.write(
    what === 'mongod' ? await downloadMongod(directory) : await downloadTemporal(directory),
  );
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message.replaceAll('\n', ' ') : error}\n`);
  process.exit(1);
}

/** @param {string} downloadDir */
async function downloadMongod(downloadDir) {
  const { MongoBinary } = await import('mongodb-memory-server-core/lib/util/MongoBinary.js');
  return MongoBinary.getPath({ downloadDir });
}

/** @param {string} downloadDir */
async function downloadTemporal(downloadDir) {
  const { TestWorkflowEnvironment } = await import('@temporalio/testing');
  const { DefaultLogger, Runtime } = await import('@temporalio/worker');
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const executable = { type: /** @type {const} */ ('cached-download'), downloadDir };
  // Starting it is the only way to have the SDK download it.
  const environment =
    what === 'test-server'
      ? await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } })
      : await TestWorkflowEnvironment.createLocal({ server: { executable, ip: '127.0.0.1' } });
  await environment.teardown();
  const [program] = (await readdir(downloadDir)).filter((name) => !name.endsWith('.downloading'));
  if (!program) throw new Error('the download left no program');
  await access(path.join(downloadDir, program));
  return path.join(downloadDir, program);
}
