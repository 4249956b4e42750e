import type { Command } from 'commander';
import type { DoctorFlags } from '../doctor.ts';
import type { Session } from '../shared/session.ts';

/** `doctor` */
export function describeDoctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .description('check what is reachable and running, and say what to do')
    .option('--fix', 'register the search attributes that the namespace lacks')
    .addHelpText(
      'after',
      `
Exits 0 when everything is ok, and 3 otherwise. On a pipe, a line for each check: ok, failed or skipped; its name;
what was found; what to do.

Example:
  $ concord doctor --fix
`,
    )
    .action(async (flags: DoctorFlags) => (await import('../doctor.ts')).diagnose(flags, session));
}
