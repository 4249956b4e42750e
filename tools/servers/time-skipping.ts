import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { firstThatWorks } from './attempts.ts';
import { byDownload, cachedWays, type Program, run, tryOut } from './programs.ts';
import type { Report } from './report.ts';

const VERSION = '1.38.0';
const PROGRAM = 'time-skipping-server';
const JAVA = 'Java 11 or newer and Maven (`java` and `mvn` on PATH)';

/** Finds Temporal's test server that skips time, as the `executable` that the SDK takes. @throws {NoServerError} */
export async function timeSkippingServer(report: Report) {
  const message = "Downloading Temporal's time-skipping test server";
  const installs = [
    byDownload(PROGRAM, PROGRAM, message, 'temporal.download'),
    {
      way: 'Java program from Maven',
      earlier: 'an earlier install',
      entry: `${PROGRAM}-java-${VERSION}`,
      how: `${VERSION} from Maven`,
      message: "Getting Temporal's time-skipping test server with Maven, once (about 20 s)",
      into: installWithMaven,
    },
  ];
  const { earlier, fresh } = cachedWays(PROGRAM, installs, report);
  const what = 'Temporal test server (time skipping)';
  const ways = [...earlier, ...fresh];
  // Without arguments it prints how it is used.
  const check = async ({ command }: Program) => void (await tryOut(command, []));
  const { command } = await firstThatWorks({ what, ways, advice: `Install ${JAVA}.`, check, report });
  return { type: 'existing-path' as const, path: command };
}

async function installWithMaven(directory: string): Promise<void> {
  const options = { directory, timeout: 10 * 60_000, next: `install ${JAVA}` };
  await run('java', ['-version'], options);
  await writeFile(path.join(directory, 'pom.xml'), POM);
  await mkdir(path.join(directory, 'lib'));
  const settings = ['-DoutputDirectory=lib', '-DincludeScope=runtime'];
  await run('mvn', ['--batch-mode', '--quiet', 'dependency:copy-dependencies', ...settings], options);
  const program = path.join(directory, PROGRAM);
  await writeFile(program, SCRIPT);
  await chmod(program, 0o755);
}

const dependency = (group: string, artifact: string, version: string) =>
  `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>concord</groupId>
  <artifactId>time-skipping-server</artifactId>
  <version>1</version>
  <dependencies>
    ${dependency('io.temporal', 'temporal-test-server', VERSION)}
    ${dependency('org.slf4j', 'slf4j-nop', '1.7.36')}
  </dependencies>
</project>
`;

const SCRIPT = `#!/bin/sh
exec java -cp "$(dirname "$0")/lib/*" io.temporal.testserver.TestServer "$@"
`;
