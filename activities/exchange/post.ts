import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { deliveryIdOf, mailboxIdOf, relayIdOf, signals } from '../../domain/addresses.ts';
import type { Announcement } from '../../domain/announcements.ts';
import { literal } from '../../domain/markdown.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';

/**
 * How services reach each other. What is handed over is durable in Temporal when a method returns; a caller that doesn't
 * learn of it repeats it, and every receiver is prepared for that.
 */
export interface Post {
  /** Hands a message to whom it is for: the inventory's mailbox, or the order's own workflow. */
  send(message: Announcement): Promise<void>;
  /** Starts a delivery of the event to each of its subscribers. */
  publish(event: Announcement): Promise<void>;
  /** Says that this order has something in its outbox. */
  wake(service: string, orderId: string): Promise<void>;
  /** Tells the order's own workflow what is on record; nothing happens where it has ended. */
  tell(outcome: OrderOutcome): Promise<void>;
}

/** Hands an announcement over by the way of its strategy: as a message, or as an event. */
export function handOver(post: Post, announcement: Announcement): Promise<void> {
  return announcement.data.strategy === 'message-queue'
    ? post.send(announcement)
    : post.publish(announcement);
}

/** Who takes an event: a name, and the activity that does, with its worker's task queue. */
export interface Subscriber {
  readonly subscriber: string;
  readonly host: string;
  readonly handler: string;
}

/**
 * @param client Reaches the namespace that the orders run in.
 * @param subscribersOf Who subscribes to an event of this type.
 */
export function createPost(
  client: Client,
  subscribersOf: (type: Announcement['type']) => readonly Subscriber[],
): Post {
  const { workflow } = client;
  return {
    async send(message) {
      if (message.source === '/concord/inventory')
        return signalOrder(signals.reply, message.subject, message);
      await workflow.signalWithStart('mailbox', {
        workflowId: mailboxIdOf(message.data.order),
        // Those who send run it, so it takes in all that is sent: Temporal takes 10,000 signals for a run, and one whose
        // worker is down can't begin anew.
        taskQueue: 'orders',
        staticSummary: 'Keeps messages for the inventory until they are handled',
        signal: signals.message,
        signalArgs: [message],
      });
    },

    async publish(event) {
      await Promise.all(subscribersOf(event.type).map((subscriber) => deliver(event, subscriber)));
    },

    async wake(service, orderId) {
      await workflow.signalWithStart('relay', {
        workflowId: relayIdOf(service),
        taskQueue: service,
        args: [service],
        staticSummary: `Publishes the events in the outboxes of ${service}`,
        signal: signals.wake,
        signalArgs: [orderId],
      });
    },

    tell: (outcome) => signalOrder(signals.recorded, outcome.orderId, outcome),
  };

  async function deliver(event: Announcement, { subscriber, host, handler }: Subscriber): Promise<void> {
    const workflowId = deliveryIdOf(event, subscriber);
    try {
      // One that has ended may start again: handlers are idempotent, and a repeated event may be there to mend something.
      await workflow.start('deliverEvent', {
        workflowId,
        taskQueue: host,
        args: [{ event, subscriber, handler }],
        memo: { event },
        staticSummary: `Hands ${event.type} of ${literal(event.subject)} to ${subscriber}`,
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }

  async function signalOrder(signal: string, orderId: string, argument: unknown): Promise<void> {
    try {
      await workflow.getHandle(workflowIdOf(orderId)).signal(signal, argument);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}
