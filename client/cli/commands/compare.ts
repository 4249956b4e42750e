import type { Command } from 'commander';
import { ConcordError } from '../../../domain/errors.ts';

/** `compare`, which measures, and so is no command of the package any more. */
export function addCompare(program: Command): void {
  program
    .command('compare', { hidden: true })
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(() => {
      const fix = 'run `npm run compare -- …` in a checkout of Concord, with the same options';
      throw new ConcordError('InvalidInput', { problems: [{ field: 'compare', fix }] });
    });
}
