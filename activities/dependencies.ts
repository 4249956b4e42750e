import type { Client } from '@temporalio/client';
import type { Db } from 'mongodb';
import type { Line } from '../domain/order.ts';
import type { Skipped } from '../domain/sweeps.ts';
import type { Coordinators } from './coordinator.ts';
import type { Post } from './exchange/post.ts';

/** The things that a worker gives the activities of its service. */
export interface ServiceDependencies {
  /** The service's own. */
  readonly database: Db;
  /** Reaches the other services. */
  readonly post: Post;
  /** Reaches the namespace that the orders run in. */
  readonly client: Client;
  readonly coordinators: Coordinators;
  /** Told of what a sweep has left alone. */
  readonly report: (skipped: Skipped) => void;
  /** Told of each hold that was released because it came after its order was settled. */
  readonly onLateHold: (late: LateHold) => void;
  /** Absent if nobody wants to know how old holds are. */
  readonly observeHolds?: HoldObserver | undefined;
}

/** Units that an attempt has put on hold although its order was settled already, and that were given back. */
export type LateHold = Line & { readonly orderId: string };

/** Told at the end of each sweep when each order that holds stock has opened its holds; `holdLimit` in milliseconds. */
export type HoldObserver = (openedAt: readonly Date[], holdLimit: number) => void;
