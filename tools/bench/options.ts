import { Command, InvalidArgumentError } from 'commander';
import { optionsOrExit } from '../start/command-line.ts';

/** What a measurement is asked to do. */
export interface Options {
  readonly orders: number;
  /** Where the result goes as JSON. */
  readonly json?: string;
}

/** A tool: how it is called, and what it takes. */
export interface Tool {
  readonly name: string;
  readonly description: string;
  /** How many orders by default, and at least. */
  readonly orders: { readonly usual: number; readonly least: number };
}

const SERVERS = `Servers are started for it, unless TEMPORAL_ADDRESS and MONGODB_URI name some: then take a Temporal namespace
that no other worker and no other order uses. Its databases are its own, and dropped at the end.
The workers' own settings (MAXIMUM_ACTIVITIES …) hold here, too.`;

/** Reads the command line; ends the process with exit code 2 where it is wrong. */
export function readOptions({ name, description, orders }: Tool): Options {
  const command = new Command(`npm run ${name} --`)
    .description(`${description}\n${SERVERS}`)
    .option('--orders <number>', 'how many orders', wholeNumberFrom(orders.least), orders.usual)
    .option('--json <file>', 'write the result there as JSON, too');
  return optionsOrExit<Options>(command);
}

/** Takes an option's value as a whole number. */
export function wholeNumberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`use a whole number from ${least}.`);
  };
}
