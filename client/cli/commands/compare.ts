import type { Command } from 'commander';
import { invalidInput } from '../../../domain/validation.ts';

/** Says where `compare` is: it measures, so it is no command of the package. */
export function compare(command: Command): void {
  command
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      const fix = 'run `npm run compare -- …` in a checkout of Concord, with the same options';
      throw invalidInput('compare', fix);
    });
}
