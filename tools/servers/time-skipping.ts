import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { firstThatWorks } from './attempts.ts';
import { findCached, installed } from './cache.ts';
import { download, executableName, needOnPath, run, step } from './programs.ts';
import type { Report } from './report.ts';

const VERSION = '1.38.0';
const DOWNLOADED = 'time-skipping-server';
const JAVA = `time-skipping-server-java-${VERSION}`;
const PROGRAM = 'time-skipping-server';

/** To be handed over as `TestWorkflowEnvironment.createTimeSkipping({ server: { executable } })`. */
export type TimeSkippingExecutable = { type: 'existing-path'; path: string };

/**
 * Temporal's test server that skips time: from the cache, by the SDK's download, or as a Java program.
 * @throws {NoServerError} when none of these works
 */
export async function timeSkippingServer(report: Report): Promise<TimeSkippingExecutable> {
  const inEntry = (entry: string): TimeSkippingExecutable => ({
    type: 'existing-path',
    path: path.join(entry, executableName(PROGRAM)),
  });
  const cached = async (name: string) => {
    const entry = await findCached(name);
    return entry === undefined ? undefined : inEntry(entry);
  };
  return firstThatWorks<TimeSkippingExecutable>(
    'Temporal test server (time skipping)',
    [
      { way: 'an earlier download', get: () => cached(DOWNLOADED) },
      { way: 'an earlier install', get: () => cached(JAVA) },
      {
        way: 'download',
        get: async () =>
          inEntry(await installed(DOWNLOADED, (directory) => downloadInto(directory, report), report)),
      },
      {
        way: 'Java program from Maven',
        get: async () =>
          inEntry(await installed(JAVA, (directory) => installWithMaven(directory, report), report)),
      },
    ],
    'Install Java 11 or newer and Maven (`java` and `mvn` on PATH).',
  );
}

async function downloadInto(directory: string, report: Report): Promise<void> {
  await step(report, "Downloading Temporal's time-skipping test server", async () => {
    const file = await download('test-server', directory, 'allow downloads from temporal.download');
    await rename(file, path.join(directory, executableName(PROGRAM)));
  });
}

async function installWithMaven(directory: string, report: Report): Promise<void> {
  const next = 'install Java 11 or newer and Maven (`java` and `mvn` on PATH)';
  await step(
    report,
    "Getting Temporal's time-skipping test server with Maven, once (about 20 s)",
    async () => {
      await needOnPath('java', next);
      const maven = await needOnPath('mvn', next);
      await writeFile(path.join(directory, 'pom.xml'), POM);
      await mkdir(path.join(directory, 'lib'));
      await run(
        maven,
        [
          '--batch-mode',
          '--quiet',
          'dependency:copy-dependencies',
          '-DoutputDirectory=lib',
          '-DincludeScope=runtime',
        ],
        { directory, timeoutMs: 10 * 60_000, next },
      );
      const program = path.join(directory, PROGRAM);
      await writeFile(program, SCRIPT);
      await chmod(program, 0o755);
    },
  );
}

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>concord</groupId>
  <artifactId>time-skipping-server</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.temporal</groupId>
      <artifactId>temporal-test-server</artifactId>
      <version>${VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-nop</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
`;

const SCRIPT = `#!/bin/sh
exec java -cp "$(dirname "$0")/lib/*" io.temporal.testserver.TestServer "$@"
`;
