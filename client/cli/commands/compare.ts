import { type Command, InvalidArgumentError } from 'commander';
import type { CompareFlags } from '../../../tools/compare/command.ts';
import { faults, type Part, parts } from '../../../tools/compare/result.ts';
import type { Session } from '../shared/session.ts';

/** `compare` */
export function addCompare(program: Command, session: Session): void {
  program
    .command('compare')
    .description('measure the three strategies side by side, also under faults')
    .option(
      '--orders <number>',
      'how many orders each measurement at saturation places',
      wholeNumber(10),
      100,
    )
    .option('--rounds <number>', 'how often each measurement is repeated', wholeNumber(1), 3)
    .option('--fault-seconds <number>', 'how long a service stays down', wholeNumber(1), 30)
    .option('--only <parts>', PARTS_HELP, partsIn)
    .option('--html <file>', 'write a report with plots there, too')
    .addHelpText(
      'after',
      `
Takes about a quarter of an hour. It starts its own servers; TEMPORAL_ADDRESS (or --address) and MONGODB_URI name yours instead.
There it uses a Temporal namespace and databases of its own, which it removes at the end; it must be allowed to register
that namespace, and leaves out the fault that would restart your Temporal.

Exits 1 where an order was not kept consistent. On a pipe, a line for each figure: its table, its name, and its value for
two-phase, message-queue and event-driven. With --json, all figures and samples.

Examples:
  $ concord compare --html report.html
  $ concord compare --only performance --orders 50 --rounds 1
  $ concord compare --only faults --fault-seconds 10 --json > faults.json
`,
    )
    .action(async (flags: CompareFlags) =>
      (await import('../../../tools/compare/command.ts')).compare(flags, session),
    );
}

const PARTS_HELP = `performance, faults, or single ones: ${faults.join(', ')} (default: all)`;

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= MOST) return value;
    throw new InvalidArgumentError(`Use a whole number from ${least} to ${MOST}.`);
  };
}

const MOST = 100_000;

function partsIn(text: string): Part[] {
  return text.split(',').flatMap((name) => {
    const found = name === 'faults' ? faults : parts.filter((part) => part === name);
    if (found.length > 0) return [...found];
    throw new InvalidArgumentError(
      `Use performance, faults, or one of ${faults.join(', ')}; more with commas between.`,
    );
  });
}
