import type { Command } from 'commander';
import type { EventFlags } from '../events.ts';
import type { Session } from '../shared/session.ts';
import { wholeNumber } from './numbers.ts';

/** `events` */
export function describeEvents(program: Command, session: Session): void {
  program
    .command('events')
    .description('show what the services have published of orders that are placed event-driven')
    .option('--order <id>', 'only events of this order')
    .option('--limit <number>', 'at most so many of the newest, from 1 to 1000 (default: 20)', wholeNumber)
    .option('--follow', 'go on with new events, and with what becomes of them, until Ctrl-C')
    .addHelpText(
      'after',
      `
Exits 0, with --follow on Ctrl-C. On a pipe, a line for each event: time, type, order, source, and then for each
subscriber its name, = and the state. With --follow, an event gets another line when its deliveries have got on; with
--json too, a line for each. The states:
  delivered   the subscriber has handled it
  delivering  it is about to
  retrying    it fails, and is tried again for ever: repair its service, then \`concord retry ID\`
  stopped     the delivery has ended without success: see its history in the Web UI

Examples:
  $ concord events --order 4711
  $ concord events --follow --json
`,
    )
    .action(async (flags: EventFlags) => (await import('../events.ts')).printEvents(flags, session));
}
