// Downloads one server with the library that knows where from, and prints its path.
// In a process of its own: such a download cannot be cancelled, and the SDK's runtime exists only once in a process.

import { readdir } from 'node:fs/promises';
import path from 'node:path';

const [program, directory = ''] = process.argv.slice(2);

try {
  const download = program === 'mongod' ? downloadMongod : downloadTemporal;
  process.stdout.write(await download(directory));
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
  // A proxy is for the download, and not for the server, which the SDK then connects to.
  Object.assign(process.env, { no_grpc_proxy: '127.0.0.1,localhost' });
  const executable = { type: /** @type {const} */ ('cached-download'), downloadDir };
  // Starting it is the only way to have the SDK download it.
  const environment =
    program === 'temporal'
      ? await TestWorkflowEnvironment.createLocal({ server: { executable, ip: '127.0.0.1' } })
      : await TestWorkflowEnvironment.createTimeSkipping({ server: { executable } });
  await environment.teardown();
  const downloaded = (await readdir(downloadDir)).find((name) => !name.endsWith('.downloading'));
  if (!downloaded) throw new Error('the download left no program');
  return path.join(downloadDir, downloaded);
}
