import { literal } from './markdown.ts';
import type { OrderProgress, ParticipantState, Phase } from './place-order.ts';
import type { OwnStuckStep } from './stuck-step.ts';

// What matters most comes first, and what is left out is named: nobody reads more than a screenful.

/** What is known of an order beside its progress. */
export interface Concerns {
  /** Steps that are stuck. */
  readonly stuckSteps: readonly OwnStuckStep[];
  /** Why the order has stopped on an error. */
  readonly failure?: string;
}

/** Where an order stands, as Markdown for whoever operates it: a screenful, whatever has happened to it. */
export function currentDetails(progress: OrderProgress, { stuckSteps, failure }: Concerns): string {
  const { orderId, phase, participants, decision } = progress;
  const { status, reason } = decision ?? {};
  const more = literal(`concord status ${orderId}`);
  const worst = stuckSteps.toSorted((one, other) => other.attempts - one.attempts);
  const waitedForFirst = Object.entries(participants).sort(
    ([, one], [, other]) => Number(isWaitedFor(other)) - Number(isWaitedFor(one)),
  );
  return [
    `**${failure === undefined ? phases[phase] : 'Stopped on an error'}**`,
    ...(status === undefined
      ? []
      : ['', `Decision: **${status}**${reason ? `, ${short(reason.message)}` : ''}`]),
    ...(failure === undefined ? [] : ['', `**Needs attention**: ${short(failure)}`, '', RESOLVE]),
    ...(stuckSteps.length === 0
      ? []
      : ['', `**Needs attention**, more in ${more}`, '', ...firstOf(worst, MOST_STEPS, stepText)]),
    ...['', '**Services**', ''],
    ...firstOf(waitedForFirst, MOST_PARTICIPANTS, ([name, state]) => `- ${name}: ${votes[state]}`),
    ...LAST_LINE,
  ].join('\n');
}

/**
 * What waits in a mailbox or a relay, as Markdown: how many, and those of them that have failed most often.
 *
 * @param more How many wait beside these.
 */
export function waitingDetails(handling: number, waiting: readonly WaitingView[], more = 0): string {
  const failing = waiting.filter(({ failures }) => failures > 0);
  const worst = failing.toSorted((one, other) => other.failures - one.failures);
  return [
    `Being handled: ${handling}. Waiting: ${waiting.length - handling + more}. Tried again: ${failing.length}.`,
    ...(failing.length === 0
      ? []
      : ['', 'More in `concord stuck`', '', ...firstOf(worst, MOST_STEPS, itemText)]),
    ...LAST_LINE,
  ].join('\n');
}

/** Something that waits to be handled. Times are ISO 8601. */
export interface WaitingView {
  readonly orderId: string;
  /** The kind of message, such as `SellStock`. */
  readonly type: string;
  readonly failures: number;
  readonly lastError: string;
  readonly since: string;
  readonly nextAttemptAt?: string;
}

const MOST_STEPS = 3;
const MOST_PARTICIPANTS = 6;

/** The Web UI cuts the last line off, so that is one without ink: a zero-width space, which it doesn't trim. */
const LAST_LINE = ['', '\u200b'];

/** A line for each, and one that says how many are left out. */
function firstOf<Item>(items: readonly Item[], most: number, lineOf: (item: Item) => string): string[] {
  const left = items.length - most;
  return [...items.slice(0, most).map(lineOf), ...(left > 0 ? [`- and ${left} more`] : [])];
}

/** Two lines in the Web UI, at most. */
function short(text: string): string {
  return literal(text, 120);
}

function itemText({ orderId, type, failures, ...item }: WaitingView): string {
  return stepText({ ...item, step: `${type} of ${orderId}`, attempts: failures });
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
  // Also where it was asked in vain until somebody cancelled.
  refused: 'has **not** voted yes',
  committing: 'voted **yes**, is being told to commit',
  committed: 'voted **yes**, has committed',
  'rolling-back': 'is being told to roll back',
  'rolled-back': 'has rolled back',
};

function isWaitedFor(state: ParticipantState): boolean {
  return state === 'preparing' || state === 'committing' || state === 'rolling-back';
}

const RESOLVE = 'Nothing goes on by itself: settle it with `concord resolve`; more in `concord stuck`.';

function stepText({ step, attempts, lastError, since, nextAttemptAt }: OwnStuckStep): string {
  const tried = attempts === 0 ? 'waits' : `has failed ${attempts} ${attempts === 1 ? 'time' : 'times'}`;
  return [
    `- ${short(step)} ${tried}, since ${since}`,
    `  - ${short(lastError)}`,
    ...(nextAttemptAt === undefined ? [] : [`  - next attempt at ${nextAttemptAt}`]),
  ].join('\n');
}
