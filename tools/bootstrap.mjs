import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { whenNpmIsGone } from '../client/cli/npm-script.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const OLDEST_NODE = '20.19';

/** Makes a fresh clone runnable: checks Node, and installs what package-lock.json names if it isn't there. */
export function prepareCheckout() {
  requireNode();
  if (!isInstalled()) install();
}

/** @param {string} entry Relative to the checkout. @param {string[]} args @returns {Promise<number>} Exit code. */
export async function runScript(entry, args) {
  const child = spawn(process.execPath, [`${root}${entry}`, ...args], { cwd: root, stdio: 'inherit' });
  const end = () => void child.kill('SIGTERM');
  whenNpmIsGone(end);
  process.on('SIGTERM', end);
  // A Ctrl-C at the terminal reaches the child by itself, which then ends in its own time.
  const wait = () => {};
  process.on('SIGINT', wait);
  const [status] = await once(child, 'exit');
  process.off('SIGTERM', end).off('SIGINT', wait);
  return status ?? 1;
}

function requireNode() {
  if (process.versions.node.localeCompare(OLDEST_NODE, 'en', { numeric: true }) >= 0) return;
  console.error(`Concord needs Node 22, 24 or 26; this is ${process.versions.node}.`);
  process.exit(1);
}

/** Compares what npm says it has installed with the lockfile, so that a pulled change is noticed too. */
function isInstalled() {
  const installedFile = `${root}node_modules/.package-lock.json`;
  if (!existsSync(installedFile)) return false;
  const wanted = packagesOf(`${root}package-lock.json`);
  const installed = packagesOf(installedFile);
  // Those that are optional are for other platforms.
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional || installed[path]?.version === version,
  );
}

/** @param {string} file @returns {Record<string, { version?: string, optional?: boolean }>} */
function packagesOf(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages ?? {};
}

function install() {
  console.error('Installing dependencies with npm ci (once; about a minute) …');
  // Even if NODE_ENV or npm's settings say otherwise.
  const included = ['--include=dev', '--include=optional'];
  const quietly = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const isWindows = process.platform === 'win32';
  const { status } = spawnSync(isWindows ? 'npm.cmd' : 'npm', ['ci', ...included, ...quietly], {
    cwd: root,
    // npm's own words go to standard error: standard output belongs to the results.
    stdio: ['ignore', 2, 2],
    shell: isWindows,
  });
  if (status === 0) return;
  console.error('npm ci failed: check the connection to the npm registry, then run it again.');
  process.exit(1);
}
