import { literal } from './markdown.ts';
import type { OrderProgress, ParticipantState, Phase } from './place-order.ts';
import type { Trouble } from './trouble.ts';

/** What is known of an order beside its progress. */
export interface Concerns {
  /** Steps that don't get on. */
  readonly troubles: readonly Trouble[];
  /** Why the order has stopped on an error. */
  readonly failure?: string;
}

/** Where an order stands, as Markdown for whoever operates it. */
export function currentDetails(progress: OrderProgress, { troubles, failure }: Concerns): string {
  const { phase, participants, decision } = progress;
  const { status, reason } = decision ?? {};
  return [
    `**${failure === undefined ? phases[phase] : 'Stopped on an error'}**`,
    ...(status === undefined
      ? []
      : ['', `Decision: **${status}**${reason ? `, ${literal(reason.message)}` : ''}`]),
    '',
    ...Object.entries(participants).map(([name, state]) => `- ${name}: ${votes[state]}`),
    ...(troubles.length === 0 ? [] : ['', '**Needs attention**', '', ...troubles.map(troubleText)]),
    ...(failure === undefined ? [] : ['', `**Needs attention**: ${literal(failure)}`, '', RESOLVE]),
  ].join('\n');
}

/** What waits in a mailbox or a relay, as Markdown: how many, and the first of those that have failed. */
export function waitingDetails(handling: number, waiting: readonly WaitingView[]): string {
  const failing = waiting.filter(({ failures }) => failures > 0);
  const counts = `Being handled: ${handling}. Waiting: ${waiting.length - handling}. Tried again: ${failing.length}.`;
  const shown = failing.slice(0, MOST_SHOWN);
  const more = failing.length - shown.length;
  return [
    counts,
    ...(failing.length === 0 ? [] : ['', ...shown.map(itemText)]),
    ...(more === 0 ? [] : [`- and ${more} more`]),
  ].join('\n');
}

const MOST_SHOWN = 10;

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

function itemText({ orderId, type, failures, ...item }: WaitingView): string {
  return troubleText({ ...item, step: `${type} of ${orderId}`, attempts: failures });
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

const RESOLVE = 'Nothing goes on by itself: settle it with `concord resolve`.';

function troubleText({ step, attempts, lastError, since, nextAttemptAt }: Trouble): string {
  const tried = attempts === 0 ? 'waits' : `has failed ${attempts} ${attempts === 1 ? 'time' : 'times'}`;
  // Short lines: the Web UI cuts off what it has to wrap.
  return [
    `- ${literal(step)} ${tried}, since ${since}`,
    `  - ${literal(lastError)}`,
    ...(nextAttemptAt === undefined ? [] : [`  - next attempt at ${nextAttemptAt}`]),
  ].join('\n');
}
