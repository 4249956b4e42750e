import { type Client, QueryRejectedError, WorkflowNotFoundError } from '@temporalio/client';
import { mailboxIdOf, queries, signals } from '../../domain/addresses.ts';
import type { Announcement, AnnouncementType } from '../../domain/announcements.ts';
import type { Envelope, Receiver } from '../../domain/envelopes.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';
import { QUESTION_LIMIT } from '../../domain/policies.ts';

/**
 * How services reach each other. What is handed over is durable in Temporal when a method returns. A caller that never
 * hears so repeats it, and every receiver is prepared for that.
 */
export interface Post {
  /** Hands an announcement to all its receivers at once, by the mailbox of its order. */
  publish(announcement: Announcement): Promise<void>;
  /** Writes on an announcement who gets it. */
  addressed(announcement: Announcement): Envelope;
  /** Hands an announcement to the order's own workflow; nothing happens if it has ended. */
  reply(answer: Announcement): Promise<void>;
  /** Tells the order's own workflow what is on record; nothing happens if it has ended. */
  tell(outcome: OrderOutcome): Promise<void>;
  /** Returns those of these announcements that their mailboxes surely neither keep nor have just handed over. */
  lacking(announcements: readonly Announcement[]): Promise<readonly Announcement[]>;
}

/** @param client Its queries must be refused by workflows that have ended. */
export function createPost(
  client: Client,
  receiversOf: (type: AnnouncementType) => readonly Receiver[],
): Post {
  const { workflow } = client;
  return {
    async publish(announcement) {
      await workflow.signalWithStart('mailbox', {
        workflowId: mailboxIdOf(announcement.data.order),
        // Its own workers run it: a run takes 10,000 signals, and without a worker it can't begin anew.
        taskQueue: 'orders',
        staticSummary: 'Keeps what is announced until every receiver has handled it',
        signal: signals.message,
        signalArgs: [addressed(announcement)],
      });
    },

    addressed,

    reply: (answer) => signalOrder(signals.reply, answer.subject, answer),

    tell: (outcome) => signalOrder(signals.recorded, outcome.orderId, outcome),

    async lacking(announcements) {
      const mailboxes = new Set(announcements.map(({ data }) => mailboxIdOf(data.order)));
      return (await Promise.all([...mailboxes].map((id) => lackingIn(id, announcements)))).flat();
    },
  };

  async function lackingIn(mailboxId: string, announcements: readonly Announcement[]) {
    const own = announcements.filter(({ data }) => mailboxIdOf(data.order) === mailboxId);
    const ids = own.map(({ id }) => id);
    const ask = () => workflow.getHandle(mailboxId).query<string[], [string[]]>(queries.lacking, ids);
    try {
      const lacking = new Set(await client.withDeadline(Date.now() + QUESTION_LIMIT, ask));
      return own.filter(({ id }) => lacking.has(id));
    } catch (error) {
      const isGone = error instanceof WorkflowNotFoundError || error instanceof QueryRejectedError;
      // Only its worker can answer: while that is down, nothing is published again.
      return isGone ? own : [];
    }
  }

  function addressed(announcement: Announcement): Envelope {
    return { announcement, to: receiversOf(announcement.type) };
  }

  async function signalOrder(signal: string, orderId: string, argument: unknown): Promise<void> {
    try {
      await workflow.getHandle(workflowIdOf(orderId)).signal(signal, argument);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}
