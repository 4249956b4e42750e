import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { vi } from 'vitest';
import { main } from '../../client/cli/main.ts';

/** The program itself. */
export const BIN = fileURLToPath(new URL('../../client/cli/bin.mjs', import.meta.url));

/** How to run a command: by default with nothing on standard input. */
export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  readonly bin?: string;
}

/** A command as a running process. */
export function startCli(args: readonly string[], { input = '', env = {}, cwd, bin = BIN }: RunOptions = {}) {
  const directory = cwd === undefined ? {} : { cwd };
  return execa(process.execPath, [bin, ...args], { reject: false, env, input, ...directory });
}

/** What a command printed, and how it ended. */
export async function runCli(args: readonly string[], options?: RunOptions) {
  const { exitCode, stdout, stderr } = await startCli(args, options);
  return { exitCode, stdout, stderr };
}

/** The same of a command with `--json`. */
export async function runCliAsJson(args: readonly string[], options?: RunOptions) {
  const { exitCode, stdout, stderr } = await runCli([...args, '--json'], options);
  const document: unknown = stdout === '' ? undefined : JSON.parse(stdout);
  const failure: unknown = stderr === '' ? undefined : JSON.parse(stderr);
  return { exitCode, document, failure };
}

/** What a command prints, and how it ends, without a process, which costs a second. */
export async function runInProcess(args: readonly string[]) {
  const printed = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    }),
  );
  const exitCode = await main(args);
  for (const spy of spies) spy.mockRestore();
  return { exitCode, ...printed };
}
