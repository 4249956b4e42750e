// The guard: a small process between us and the servers we start, so that they never outlive us.
// Its stdin is a pipe from us. When that ends, in whatever way we died, it stops the servers and removes our directories.
//
// stdin, one JSON a line:  { start: Server } | { stop: name } | { remove: [directory] }
// stdout, one JSON a line: { started: name, pid } | { failed: name, message } | { exited: name, pid, code, signal }

import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

/**
 * @typedef {object} Server
 * @property {string} name
 * @property {string} command
 * @property {string[]} args
 * @property {Record<string, string>} environment added to ours
 * @property {string} directory the working directory
 * @property {string} log the file that gets what the server prints
 * @property {NodeJS.Signals} stopSignal what ends this server in good order
 * @property {number} graceMs how long it may take over that before SIGKILL
 */

/** @type {Map<string, { server: Server, child: import('node:child_process').ChildProcess, gone: Promise<void> }>} in order of start */
const running = new Map();
/** @type {Set<string>} */
const throwAway = new Set();

// A Ctrl-C is for our owner, who stops us in its own time.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGHUP'])) process.on(signal, () => {});
process.on('SIGTERM', endAll);
// The owner may be gone: there is nobody to tell, which must not stop the cleaning up.
process.stdout.on('error', () => {});

const lines = createInterface({ input: process.stdin });
lines.on('line', (line) => {
  const command = JSON.parse(line);
  if (command.start) start(command.start);
  else if (command.stop) stop(command.stop);
  else if (command.remove) for (const directory of command.remove) throwAway.add(directory);
});
lines.on('close', endAll);
process.stdin.on('error', endAll);

/** @param {Server} server */
function start(server) {
  const log = openSync(server.log, 'a');
  const child = spawn(server.command, server.args, {
    cwd: server.directory,
    env: { ...process.env, ...server.environment },
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.on('error', ({ message }) => tell({ failed: server.name, message }));
  child.on('spawn', () => tell({ started: server.name, pid: child.pid }));
  const gone = /** @type {Promise<void>} */ (
    new Promise((resolve) => {
      child.on('error', () => child.pid === undefined && resolve());
      child.on('exit', () => resolve());
    })
  );
  running.set(server.name, { server, child, gone });
  child.on('exit', (code, signal) => {
    if (running.get(server.name)?.child === child) running.delete(server.name);
    tell({ exited: server.name, pid: child.pid, code, signal });
  });
}

/** @param {string} name */
async function stop(name) {
  const entry = running.get(name);
  if (!entry) return;
  entry.child.kill(entry.server.stopSignal);
  // A paused server would not hear the signal.
  entry.child.kill('SIGCONT');
  const timer = setTimeout(() => entry.child.kill('SIGKILL'), entry.server.graceMs);
  await entry.gone;
  clearTimeout(timer);
}

let ending = false;
async function endAll() {
  if (ending) return;
  ending = true;
  // The last one first: a server may need the one that was started before it.
  for (const name of [...running.keys()].reverse()) await stop(name);
  for (const directory of throwAway)
    rmSync(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  process.exit();
}

/** @param {object} message */
function tell(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
