import { type Client, WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { deliveryIdOf, mailboxIdOf, relayIdOf, signals } from '../../domain/addresses.ts';
import type { Announcement } from '../../domain/announcements.ts';
import { literal } from '../../domain/markdown.ts';
import type { OrderOutcome } from '../../domain/order.ts';
import { workflowIdOf } from '../../domain/place-order.ts';

/**
 * How services reach each other. What is handed over is durable in Temporal when a method returns. A caller that never
 * hears so repeats it, and every receiver is prepared for that.
 */
export interface Post {
  /** Hands a message to its addressee: the inventory's mailbox, or the order's own workflow. */
  send(message: Announcement): Promise<void>;
  /** Starts a delivery of the event to each of its subscribers. */
  publish(event: Announcement): Promise<void>;
  /** Tells a service's relay that this order has something in its outbox. */
  wake(service: string, orderId: string): Promise<void>;
  /** Tells the order's own workflow what is on record; nothing happens if it has ended. */
  tell(outcome: OrderOutcome): Promise<void>;
}

/** Hands an announcement over by the way of its strategy: as a message, or as an event. */
export function handOver(post: Post, announcement: Announcement): Promise<void> {
  const isMessage = announcement.data.strategy === 'message-queue';
  return isMessage ? post.send(announcement) : post.publish(announcement);
}

/** Takes events: its name, its handler (an activity), and the task queue of the worker that hosts it. */
export interface Subscriber {
  readonly subscriber: string;
  readonly host: string;
  readonly handler: string;
}

export function createPost(
  { workflow }: Client,
  subscribersOf: (type: Announcement['type']) => readonly Subscriber[],
): Post {
  return {
    async send(message) {
      if (message.source === '/concord/inventory')
        return signalOrder(signals.reply, message.subject, message);
      await workflow.signalWithStart('mailbox', {
        workflowId: mailboxIdOf(message.data.order),
        // The senders' own workers run it, so it takes in all that is sent: a run takes 10,000 signals, and one whose worker
        // is down can't begin anew.
        taskQueue: 'orders',
        staticSummary: 'Keeps messages for the inventory until they are handled',
        signal: signals.message,
        signalArgs: [message],
      });
    },

    async publish(event) {
      const deliveries = subscribersOf(event.type).map(async ({ subscriber, host, handler }) => {
        try {
          // One that has ended may start again: handlers are idempotent, and the event may be repeated to mend something.
          await workflow.start('deliverEvent', {
            workflowId: deliveryIdOf(event, subscriber),
            taskQueue: host,
            args: [{ event, subscriber, handler }],
            memo: { event },
            staticSummary: `Hands ${event.type} of ${literal(event.subject)} to ${subscriber}`,
          });
        } catch (error) {
          if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
        }
      });
      await Promise.all(deliveries);
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

  async function signalOrder(signal: string, orderId: string, argument: unknown): Promise<void> {
    try {
      await workflow.getHandle(workflowIdOf(orderId)).signal(signal, argument);
    } catch (error) {
      if (!(error instanceof WorkflowNotFoundError)) throw error;
    }
  }
}
