import { literal } from './markdown.ts';
import type { OrderProgress, ParticipantState, Phase } from './place-order.ts';
import type { OwnStuckStep, StuckStep } from './stuck-step.ts';

// What matters most comes first, and what is left out is named: nobody reads more than a screenful.

/** Where an order stands, as Markdown for its operator. `failure`: why it has stopped, if on an error. */
export function currentDetails(
  { orderId, phase, participants, decision }: OrderProgress,
  { stuckSteps, failure }: { stuckSteps: readonly OwnStuckStep[]; failure?: string | undefined },
): string {
  const lines = [`**${failure === undefined ? phases[phase] : 'Stopped on an error'}**`];
  if (decision !== undefined) {
    const { status, reason } = decision;
    lines.push('', `Decision: **${status}**${reason ? `, ${short(reason.message)}` : ''}`);
  }
  if (failure !== undefined) lines.push('', `**Needs attention**: ${short(failure)}`, '', RESOLVE);
  if (stuckSteps.length > 0) {
    const more = literal(`concord status ${orderId}`);
    lines.push('', `**Needs attention**, more in ${more}`, '', ...worstOf(stuckSteps));
  }
  const waitedForFirst = Object.entries(participants).sort(
    ([, one], [, other]) => Number(WAITED_FOR.includes(other)) - Number(WAITED_FOR.includes(one)),
  );
  const services = firstOf(waitedForFirst, MOST_SERVICES, ([name, state]) => `- ${name}: ${votes[state]}`);
  return [...lines, '', '**Services**', '', ...services, ...LAST_LINE].join('\n');
}

/** How many wait in a mailbox (`more` beside these), and which have failed most often, as Markdown. */
export function waitingDetails(handling: number, waiting: readonly WaitingView[], more = 0): string {
  const failing = waiting.flatMap(({ failures: attempts, type, orderId, receiver, ...item }) => {
    const step = `${type} of ${orderId} to ${receiver}`;
    return attempts > 0 ? [{ ...item, step, attempts }] : [];
  });
  const left = waiting.length - handling + more;
  const lines = [`Being handled: ${handling}. Waiting: ${left}. Tried again: ${failing.length}.`];
  if (failing.length > 0) lines.push('', 'More in `concord stuck`', '', ...worstOf(failing));
  return [...lines, ...LAST_LINE].join('\n');
}

/** An announcement that waits to be handled by a receiver. Times are ISO 8601. */
export interface WaitingView extends Pick<StuckStep, 'orderId' | 'lastError' | 'since' | 'nextAttemptAt'> {
  readonly receiver: string;
  /** The activity of the receiver that takes it. */
  readonly handler: string;
  /** Such as `SellStock`. */
  readonly type: string;
  readonly failures: number;
}

const MOST_STEPS = 3;
const MOST_SERVICES = 6;

/** The Web UI cuts off the last line, so that is a zero-width space, which it doesn't trim. */
const LAST_LINE = ['', '\u200b'];

/** Returns a line for each of the first items, and one that says how many are left out. */
function firstOf<Item>(items: readonly Item[], most: number, lineOf: (item: Item) => string): string[] {
  const lines = items.slice(0, most).map(lineOf);
  return items.length > most ? [...lines, `- and ${items.length - most} more`] : lines;
}

/** Two lines in the Web UI, at most. */
const short = (text: string): string => literal(text, 120);

function worstOf(steps: readonly OwnStuckStep[]): string[] {
  const worst = steps.toSorted((one, other) => other.attempts - one.attempts);
  return firstOf(worst, MOST_STEPS, stepText);
}

const phases: Readonly<Record<Phase, string>> = {
  preparing: 'Waiting for every vote',
  committing: 'Decided: telling the services to commit',
  'rolling-back': 'Decided: telling the services to roll back',
  final: 'Final: every service has recorded it',
};

const votes: Readonly<Record<ParticipantState, string>> = {
  preparing: 'has not voted yet',
  prepared: 'voted **yes**',
  // Also if it had not answered when somebody cancelled.
  refused: 'has **not** voted yes',
  committing: 'voted **yes**, is being told to commit',
  committed: 'voted **yes**, has committed',
  'rolling-back': 'is being told to roll back',
  'rolled-back': 'has rolled back',
};

const WAITED_FOR: readonly ParticipantState[] = ['preparing', 'committing', 'rolling-back'];

const RESOLVE = 'Nothing goes on by itself: settle it with `concord resolve`; more in `concord stuck`.';

function stepText({ step, attempts, lastError, since, nextAttemptAt }: OwnStuckStep): string {
  const tried = attempts === 0 ? 'waits' : `has failed ${attempts} ${attempts === 1 ? 'time' : 'times'}`;
  const next = nextAttemptAt === undefined ? '' : `\n  - next attempt at ${nextAttemptAt}`;
  return `- ${short(step)} ${tried}, since ${since}\n  - ${short(lastError)}${next}`;
}
