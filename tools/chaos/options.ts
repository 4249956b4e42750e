import { randomInt } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { strategies } from '../../domain/strategies.ts';
import { optionsOrExit } from '../start/command-line.ts';
import { MIXED, type StrategyChoice } from './load-plan.ts';

/** What a run is asked to do. */
export interface Options {
  readonly orders: number;
  readonly seed: string;
  /** How orders are kept consistent; `mixed`: by lot, each of them. */
  readonly strategy: StrategyChoice;
  /** How long orders come in and faults hit. */
  readonly minutes: number;
  /** Where the report goes as JSON. */
  readonly report?: string;
}

/** So that a fault meets a few orders in flight, and most of the time is not spent waiting for one. */
const ORDERS_A_MINUTE = 100;

/** Reads the command line; ends the process with exit code 2 where it is wrong. */
export function readOptions(): Options {
  const command = new Command('npm run chaos --')
    .description(
      'Places orders while servers, workers and the network fail, and then checks that nothing was lost or promised in vain.',
    )
    .option('--orders <number>', 'how many orders', wholeNumber, 500)
    .option(
      '--seed <text>',
      'the same seed makes the same orders and the same faults',
      String(randomInt(1e6)),
    )
    .option(
      '--minutes <number>',
      `how long they come in and faults hit (default: one for each ${ORDERS_A_MINUTE} orders)`,
      positive,
    )
    .addOption(
      new Option('--strategy <name>', 'how orders are kept consistent; mixed: by lot, each of them')
        .choices([...strategies, MIXED])
        .default(MIXED),
    )
    .option('--report <file>', 'write the report there as JSON, too');
  const { minutes, ...options } = optionsOrExit<Omit<Options, 'minutes'> & { minutes?: number }>(command);
  return { ...options, minutes: minutes ?? Math.max(0.5, options.orders / ORDERS_A_MINUTE) };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('use a whole number from 1.');
  return value;
}

function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 24 * 60)) throw new InvalidArgumentError('use a number of minutes above 0.');
  return value;
}
