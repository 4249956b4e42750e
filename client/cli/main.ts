import { createRequire } from 'node:module';
import { Command } from 'commander';
import { cancel } from './commands/cancel.ts';
import { codecServer } from './commands/codec-server.ts';
import { compare } from './commands/compare.ts';
import { doctor } from './commands/doctor.ts';
import { events } from './commands/events.ts';
import { list } from './commands/list.ts';
import { place } from './commands/place.ts';
import { resolve } from './commands/resolve.ts';
import { restock } from './commands/restock.ts';
import { retry } from './commands/retry.ts';
import { settings } from './commands/settings.ts';
import { status } from './commands/status.ts';
import { stock } from './commands/stock.ts';
import { stuck } from './commands/stuck.ts';
import { watch } from './commands/watch.ts';
import { Output } from './shared/output.ts';
import { exitCodeOf, printError } from './shared/print-error.ts';
import { Session } from './shared/session.ts';
import type { GlobalOptions } from './shared/target.ts';

/** Runs one invocation of the command line and returns its exit code. Never throws. */
export async function main(args: readonly string[]): Promise<number> {
  // Known before parsing, because what parsing finds wrong is reported in this form.
  const end = args.indexOf('--'); // what comes after it is no option
  const flags = end === -1 ? args : args.slice(0, end);
  const output = new Output({ json: flags.includes('--json'), verbose: flags.includes('--verbose') });
  const session = new Session(output);
  try {
    await createProgram(session).parseAsync(args, { from: 'user' });
    return session.exitCode;
  } catch (error) {
    printError(error, session);
    return exitCodeOf(error);
  } finally {
    await session.close();
  }
}

function createProgram(session: Session): Command {
  const purpose =
    'Places orders across the order service and the inventory service: all of an order, or nothing.';
  const manifest: { version: string } = createRequire(import.meta.url)('concord/package.json');
  const program = new Command('concord')
    .description(purpose)
    .version(manifest.version, '-V, --version', 'print the version')
    .option('--json', 'print JSON: results on standard output, an error on standard error')
    .option('--verbose', 'print stack traces')
    .option('--address <host:port>', 'the Temporal server')
    .option('--namespace <name>', 'the Temporal namespace')
    .option('--profile <name>', 'a profile of the Temporal configuration file')
    .configureHelp({ showGlobalOptions: true })
    // Every error is printed once, in one place, and never ends the process by itself.
    .configureOutput({ outputError: () => {} })
    .exitOverride()
    .hook('preAction', (_program, command) => {
      session.options = command.optsWithGlobals<GlobalOptions>();
    })
    .addHelpText('after', HELP);
  for (const [name, define] of Object.entries({ ...FOR_CUSTOMERS, ...FOR_STOCK, ...FOR_OPERATORS }))
    define(program.command(name, { hidden: name === 'compare' }), session);
  return program;
}

// In this order, `--help` lists them.
const FOR_CUSTOMERS = { place, status, watch, cancel, list, events };
const FOR_STOCK = { stock, restock };
const FOR_OPERATORS = { stuck, retry, resolve, doctor, compare, settings, 'codec-server': codecServer };

const HELP = `
Which server:
  --address, --namespace and --profile; else TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PROFILE and the Temporal
  configuration file; else the newest running \`npm start\`; else localhost:7233.

Output:
  A terminal gets colour and tables. A pipe gets one line for each result, its fields separated by tabs, without a
  header. With --json, standard output is one JSON document (\`watch\`: one for each line), and an error is one line
  {"error":{"code","message","details"}} on standard error.

Exit codes:
  0  done as asked
  1  refused: rejected, cancelled, too late, unknown order or SKU, order id taken; or an unexpected error
  2  bad input: nothing was sent
  3  a server can't be reached or lacks what it takes, or a service does not answer

Examples:
  $ concord restock A 10
  $ concord place --sku A:2 --customer alice
  $ concord watch 4711
  $ concord doctor
`;
