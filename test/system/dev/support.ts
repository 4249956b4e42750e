import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { vi } from 'vitest';
import { cacheDirectory } from '../../../client/cli/shared/running-start.ts';
import { findMongoDB } from '../../../tools/servers/mongodb.ts';
import { createLineReport, type Report } from '../../../tools/servers/report.ts';
import type { RunningRecord } from '../../../tools/servers/running.ts';
import { findTemporal } from '../../../tools/servers/temporal.ts';

/** A directory for one test file. */
export async function temporaryDirectory(): Promise<string> {
  return mkdtemp(path.join(await realpath(tmpdir()), 'test-concord-'));
}

/**
 * A cache of this test file's own, with the programs of the real one in it, and no server named by the environment.
 * So records of other starts on this machine neither disturb a test nor are disturbed.
 */
export async function ownCache(): Promise<string> {
  vi.stubEnv('TEMPORAL_ADDRESS', '');
  vi.stubEnv('MONGODB_URI', '');
  const report = createLineReport((line) => process.stderr.write(`${line}\n`));
  await findTemporal(report);
  await findMongoDB(report);
  const real = cacheDirectory();
  const own = await temporaryDirectory();
  for (const entry of await readdir(real).catch((): string[] => [])) {
    if (entry !== 'running') await symlink(path.join(real, entry), path.join(own, entry));
  }
  vi.stubEnv('CONCORD_CACHE', own);
  return own;
}

/** An empty cache, nothing but `programs` (name and shell script) on PATH, and no way to the outside. */
export async function bareMachine(programs: Record<string, string> = {}): Promise<string> {
  const directory = await temporaryDirectory();
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(path.join(directory, name), `#!/bin/sh\n${script}\n`);
    await chmod(path.join(directory, name), 0o755);
  }
  vi.stubEnv('PATH', directory);
  vi.stubEnv('CONCORD_CACHE', path.join(directory, 'cache'));
  for (const name of ['HTTPS_PROXY', 'https_proxy', 'HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy']) {
    vi.stubEnv(name, 'http://127.0.0.1:9');
  }
  vi.stubEnv('NO_PROXY', '');
  vi.stubEnv('no_proxy', '');
  return directory;
}

/** A report that keeps its lines. */
export function keepingReport(): { report: Report; lines: string[] } {
  const lines: string[] = [];
  return { report: createLineReport((line) => lines.push(line)), lines };
}

export type Owner = { record: RunningRecord; child: ChildProcess };

const owners: ChildProcess[] = [];

/** A process that has started the servers. */
export async function startOwner(): Promise<Owner> {
  const script = fileURLToPath(new URL('owner.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  owners.push(child);
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    once(child, 'exit').then(() => ['null']),
  ]);
  const record = JSON.parse(line) as RunningRecord | null;
  if (record === null) throw new Error('the owner ended without having started the servers');
  return { record, child };
}

/** Ends every owner that a failed test may have left. */
export async function endOwners(): Promise<void> {
  for (const child of owners) child.kill('SIGKILL');
}

/** Ends a process that we started, at once. */
export async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Sends a signal to a process that must be there: without a pid, it would go to all of our own group. */
export function signalTo(pid: number | undefined, signal: NodeJS.Signals): void {
  if (!pid) throw new Error('there is no such process');
  process.kill(pid, signal);
}

/** Whether something accepts connections at a loopback port. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
  });
}

/** The ports of a record's servers: gRPC, Web UI, MongoDB. */
export function portsOf(record: RunningRecord): number[] {
  const urls = [`http://${record.temporal?.address}`, record.temporal?.uiUrl, record.mongodb?.uri];
  return urls.map((url) => Number(new URL(url ?? '').port));
}

export async function removeDirectory(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
}

/** The processes that were started with this variable, where the system tells. */
export async function processesWith(variable: string): Promise<string[]> {
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  const environments = await Promise.all(
    pids.map(async (pid) => [pid, await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')] as const),
  );
  return environments
    .filter(([, environment]) => environment.split('\0').includes(variable))
    .map(([pid]) => pid);
}
