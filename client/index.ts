// What `import { Concord } from 'concord'` gives: the typed client.

export type { FailureCode, FailureDetails, FailureKind } from '../domain/errors.ts';
export { ConcordError, isFailureCode } from '../domain/errors.ts';
export type { FinalStatus, Line, Order, OrderOutcome, OrderStatus, Reason } from '../domain/order.ts';
export type { EventFilter, OrderFilter, OrderRecord } from '../domain/order-record.ts';
export type { PageOptions } from '../domain/page.ts';
export type { ResolveRequest } from '../domain/resolution.ts';
export type { Receipt, StockLevel } from '../domain/stock.ts';
export { type Strategy, strategies } from '../domain/strategies.ts';
export type { StuckStep } from '../domain/stuck-step.ts';
export type { Cancelled, NewOrder, Placed, PlaceOptions, StuckOptions, WaitFor } from './concord.ts';
export { Concord, type ConcordOptions } from './concord.ts';
export type { OrderEvent } from './events.ts';
export type { Retried } from './recovery.ts';
export type { OrderView, RetryingStep } from './view.ts';
