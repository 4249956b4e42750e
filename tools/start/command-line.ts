import { type Command, CommanderError } from 'commander';

const BAD_INPUT = 2;

/** Reads the command line; ends the process with exit code 2 where it is wrong, and with 0 after `--help`. */
export function optionsOrExit<Options extends object>(command: Command): Options {
  command.allowExcessArguments(false).exitOverride();
  try {
    return command.parse().opts<Options>();
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : BAD_INPUT);
    throw error;
  }
}
