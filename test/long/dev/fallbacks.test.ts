import { once } from 'node:events';
import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import path from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { NoServerError, ServersError, UnavailableError } from '../../../tools/servers/attempts.ts';
import { findMongoDB, mongodbFromEnvironment } from '../../../tools/servers/mongodb.ts';
import { retryingPorts } from '../../../tools/servers/ports.ts';
import { download } from '../../../tools/servers/programs.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { createSupervisor, tail } from '../../../tools/servers/supervisor.ts';
import { findTemporal, startTemporal, temporalFromEnvironment } from '../../../tools/servers/temporal.ts';
import { timeSkippingServer } from '../../../tools/servers/time-skipping.ts';
import { bareMachine, keepingReport, removeDirectory, temporaryDirectory } from '../../system/dev/support.ts';

let directories: string[] = [];
const bare = async (programs?: Record<string, string>) => {
  const directory = await bareMachine(programs);
  directories.push(directory);
  return directory;
};
afterEach(async () => {
  vi.unstubAllEnvs();
  await Promise.all(directories.map(removeDirectory));
  directories = [];
});

describe('where a server cannot be had', () => {
  it('Temporal: names Go where there is none, and the CLI when everything has failed', async () => {
    await bare();
    const { report, lines } = keepingReport();
    const error = await findTemporal(report).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(NoServerError);
    expect(error).toMatchObject({
      message: expect.stringContaining('there is no go on PATH; to use it, install Go'),
    });
    expect(error).toMatchObject({
      message: expect.stringMatching(/Install the Temporal CLI.*TEMPORAL_ADDRESS/),
    });
    expect(lines.some((line) => /^Downloading the Temporal CLI: .*\(\d/.test(line))).toBe(true);
  });

  it('Temporal: shows what a failing Go said, and leaves no half install', async () => {
    const directory = await bare({ go: 'echo "go: the proxy refuses" >&2; exit 1' });
    await expect(findTemporal(silentReport)).rejects.toThrow(
      /go install failed: go: the proxy refuses; to use it/,
    );
    expect(await readdir(path.join(directory, 'cache'))).toEqual([]);
  });

  it('MongoDB: lists every way, and says to install mongod or to set MONGODB_URI', async () => {
    await bare({ go: 'exit 1' });
    const error = await findMongoDB(silentReport).catch((error: unknown) => error);
    if (!(error instanceof NoServerError)) throw error;
    expect(error.tried.map(({ way }) => way)).toEqual([
      '`mongod` on PATH',
      'an earlier download',
      'an earlier install of FerretDB',
      'download',
      'FerretDB over PostgreSQL',
    ]);
    expect(error.message).toContain('there is no apt-get on PATH');
    expect(error.message).toMatch(/install MongoDB itself \(`mongod` on PATH.*or set MONGODB_URI/);
  });

  it('time skipping: names Java and Maven', async () => {
    await bare();
    await expect(timeSkippingServer(silentReport)).rejects.toThrow(
      /no java on PATH; to use it, install Java 11 or newer and Maven/,
    );
  });

  it.each([
    ['TEMPORAL_ADDRESS', '127.0.0.1:9', temporalFromEnvironment],
    [
      'MONGODB_URI',
      'mongodb://user:secret@127.0.0.1:9/?serverSelectionTimeoutMS=300',
      mongodbFromEnvironment,
    ],
  ])('%s that nobody answers is an error that names it, without its password', async (name, value, find) => {
    vi.stubEnv(name, value);
    const error = await find().catch((error: unknown) => error);
    expect(error).toBeInstanceOf(ServersError);
    expect(error).toMatchObject({ message: expect.stringContaining(`unset ${name}`) });
    expect(String(error)).not.toContain('secret');
  });
});

describe('what is there is used at once', () => {
  it('a program on PATH comes before the cache', async () => {
    const directory = await bare({ temporal: 'exit 0', mongod: 'exit 0' });
    await cachedTemporal(directory);
    const { report, lines } = keepingReport();
    expect(await findTemporal(report)).toMatchObject({ command: path.join(directory, 'temporal') });
    expect(await findMongoDB(report)).toMatchObject({ command: path.join(directory, 'mongod') });
    expect(lines).toEqual([]);
  });

  it('a program in the cache comes before any download', async () => {
    const directory = await bare();
    const command = await cachedTemporal(directory);
    const { report, lines } = keepingReport();
    expect(await findTemporal(report)).toMatchObject({ command });
    expect(lines).toEqual([]);
  });
});

describe('a download', () => {
  it('from which nothing comes is given up', async () => {
    const { server: silent, port } = await listenSomewhere();
    try {
      const directory = await bare();
      vi.stubEnv('HTTPS_PROXY', `http://127.0.0.1:${port}`);
      vi.stubEnv('https_proxy', `http://127.0.0.1:${port}`);
      await expect(download('temporal', directory, 'go on', 1500)).rejects.toThrow(
        new UnavailableError('nothing arrived for 1.5 s', 'go on'),
      );
    } finally {
      silent.close();
    }
  });
});

describe('a port that is taken', () => {
  it('is an error when it was asked for, with the end of the log', async () => {
    const { server: taken, port } = await listenSomewhere();
    const directory = await temporaryDirectory();
    directories.push(directory);
    const supervisor = await createSupervisor();
    try {
      const start = { supervisor, directory, keepData: false, report: silentReport, port };
      await expect(startTemporal(start)).rejects.toThrow(
        /ended while starting \(exit code 1\)[\s\S]*The end of its log:[\s\S]*already in use/,
      );
    } finally {
      taken.close();
      await supervisor.stop();
    }
  });

  it.each([
    'bind: address already in use',
    'panic: failed to assign a free port: refused',
    'panic: runtime error: invalid memory address or nil pointer dereference',
  ])('is another one at the next try when it was not: %s', async (problem) => {
    let tries = 0;
    const start = async () => {
      tries += 1;
      if (tries < 3) throw new ServersError(problem);
      return tries;
    };
    expect(await retryingPorts(false, start)).toBe(3);
  });

  it('is told also where a long call stack comes after it', async () => {
    const directory = await temporaryDirectory();
    directories.push(directory);
    const log = path.join(directory, 'temporal.log');
    const stack = Array.from({ length: 40 }, (_, line) => `main.go:${line}`);
    await writeFile(log, ['started', 'panic: failed to assign a free port', ...stack].join('\n'));
    expect(await tail(log)).toBe(
      ['The end of its log:', 'panic: failed to assign a free port', '…', ...stack.slice(-12)].join('\n  '),
    );
  });
});

/** A server that accepts connections and never says a word. */
async function listenSomewhere(): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { server, port: (server.address() as AddressInfo).port };
}

async function cachedTemporal(directory: string): Promise<string> {
  const entry = path.join(directory, 'cache', 'temporal-v1.5.1');
  await mkdir(entry, { recursive: true });
  await writeFile(path.join(entry, 'temporal'), '#!/bin/sh\n');
  await chmod(path.join(entry, 'temporal'), 0o755);
  return path.join(entry, 'temporal');
}
