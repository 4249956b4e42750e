/** The details of each failure, so that a program can act on it without reading its message. */
export interface FailureDetails {
  InvalidInput: { problems: { field: string; fix: string }[] };
  OutOfStock: { sku: string; requested: number; available: number };
  UnknownSku: { sku: string };
  StockLimit: { sku: string; limit: number };
  TooManyHolds: { sku: string; limit: number };
  PrepareTimedOut: { participant: string; lastError: string };
  ParticipantFailed: { participant: string; lastError: string };
  OrderIdTaken: { orderId: string };
  AlreadyDecided: { orderId: string; status: string; reason?: unknown };
  TooLate: { orderId: string; status: string };
  UnknownOrder: { orderId: string };
  /** `status` and `reason`: how the order was settled, if the participant knows. */
  LateArrival: { participant: string; orderId: string; status?: string; reason?: unknown };
  LeftUndecided: { orderId: string };
  ProtocolViolation: { participant: string; orderId: string; asked: string; found: string };
  AttemptExpired: { participant: string; orderId: string };
  OrderFailed: { orderId: string; lastError: string };
  Abandoned: { orderId: string };
  DamagedStock: { sku: string; problem: string };
  DamagedOrder: { orderId: string; problem: string };
  CannotResolve: { orderId: string; status: string; because: string };
  NothingToRetry: { orderId: string; because: string };
  RetryUnsupported: { orderId: string };
  /** `through`: a proxy, and what names it. */
  Unreachable: { server: string; address: string; through?: string; fix: string };
  NoAnswer: { service: string; fix: string };
  Unsupported: { server: string; address: string; feature: string; fix: string };
  /** `says`: the server's own words. */
  Busy: { server: string; address: string; says: string; fix: string };
  TooLarge: { server: string; address: string; says: string };
  UnknownKey: { keyId: string };
  DamagedPayload: { keyId: string };
}

export type FailureCode = keyof FailureDetails;

/** Whom a failure concerns, which sets the CLI's exit code: 1 the business refused, 2 bad input, 3 nobody answered. */
export type FailureKind = 'refused' | 'bad input' | 'unreachable' | 'internal';

interface FailureRule<Details> {
  /** Retried by the coordinator: true only if the same request can succeed later. */
  readonly retryable: boolean;
  readonly kind: FailureKind;
  /** The text for the user. */
  readonly message: (details: Details) => string;
}

const rules = (retryable: boolean) => ({
  refused: ruleOf(retryable, 'refused'),
  badInput: ruleOf(retryable, 'bad input'),
  internal: ruleOf(retryable, 'internal'),
  unreachable: ruleOf(retryable, 'unreachable'),
});
const final = rules(false);
const retried = rules(true);

/** The only place that classifies failures: whether each is retried, whom it concerns, and its message. */
export const failures: { readonly [Code in FailureCode]: FailureRule<FailureDetails[Code]> } = {
  // Bad input: nothing was written, and the same request can never succeed.
  InvalidInput: {
    ...final.badInput(''),
    message: ({ problems }) => problems.map(({ field, fix }) => `${field}: ${fix}`).join('; '),
  },
  // Business refusals: a participant votes no, and the order is rejected.
  OutOfStock: final.refused('{sku} is out of stock: {requested} wanted, {available} available'),
  UnknownSku: final.refused('{sku} is not a SKU that the inventory knows'),
  StockLimit: final.refused("{sku} can't hold more than {limit} units in all"),
  PrepareTimedOut: final.refused('{participant} did not answer within the prepare budget ({lastError})'),
  ParticipantFailed: final.refused('{participant} failed to prepare ({lastError})'),
  OrderIdTaken: final.refused(
    'order id {orderId} is taken by an order with different content; use another id',
  ),
  AlreadyDecided: final.refused('order {orderId} was already {status}'),
  LeftUndecided: final.refused(
    'order {orderId} was left undecided by an earlier workflow; settle it with `concord resolve`',
  ),
  TooLate: final.refused('too late: order {orderId} is already {status}'),
  UnknownOrder: final.refused('no order {orderId} is known; check the id, or see `concord list`'),
  // Disorder between attempts: what a participant answers to keep its promises.
  LateArrival: final.internal('{participant}: prepare of order {orderId} came after it was settled'),
  ProtocolViolation: final.internal(
    '{participant}: {asked} of order {orderId} is refused, because it is {found}; nothing was changed',
  ),
  AttemptExpired: retried.internal(
    '{participant}: an attempt for order {orderId} ran out of time; trying again',
  ),
  // Each order that is settled makes room for another one, so the same request succeeds as soon as some are.
  TooManyHolds: retried.refused(
    '{sku} is held by {limit} orders that are not settled, and takes no more until some are: see `concord stuck`',
  ),
  OrderFailed: final.internal(
    'order {orderId} stopped on an error and needs an operator ({lastError}); its history in the Web UI has the details',
  ),
  // Failures that operators meet.
  Abandoned: final.refused('order {orderId} was given up: its workflow ended before it had decided'),
  // Damage is repaired by hand, and then the same request succeeds.
  DamagedStock: retried.internal('the stock document of {sku} is damaged and must be repaired: {problem}'),
  DamagedOrder: retried.internal('the record of order {orderId} is damaged and must be repaired: {problem}'),
  CannotResolve: final.refused("order {orderId} can't be resolved as {status}: {because}"),
  NothingToRetry: final.refused('nothing of order {orderId} can be tried now: {because}'),
  RetryUnsupported: final.refused(
    "this Temporal server can't cut a wait short; order {orderId} is tried again by itself, see `concord stuck`",
  ),
  // Nobody answered: nothing is known to have happened.
  Unreachable: {
    ...retried.unreachable(''),
    message: ({ server, address, through, fix }) =>
      `${server} at ${address}${through === undefined ? '' : `, through ${through},`} can't be reached; ${fix}`,
  },
  NoAnswer: retried.unreachable('the {service} service does not answer; {fix}'),
  // The server answered, and doesn't know such a call, or refused to take it.
  Unsupported: final.unreachable('{server} at {address} has no {feature}; {fix}'),
  Busy: retried.unreachable('{server} at {address} has more to do than it accepts ({says}); {fix}'),
  TooLarge: final.badInput(
    '{server} at {address} refuses this as too large ({says}); nothing was accepted: ask for less at once',
  ),
  // Encrypted data that can't be read: nothing is lost, and it is readable again with the right key.
  UnknownKey: retried.badInput(
    'this is encrypted with the key {keyId}, which is not among ENCRYPTION_KEYS here: add it to them',
  ),
  DamagedPayload: retried.badInput(
    'this names the key {keyId}, but was not encrypted with it, or was changed since: check that key in ENCRYPTION_KEYS',
  ),
};

/** A rule whose message is this text, with the details in place of their names in braces. */
function ruleOf(retryable: boolean, kind: FailureKind) {
  return <Text extends string>(text: Text) => {
    const message = (details: Readonly<Record<NameIn<Text>, unknown>>) =>
      text.replace(/\{(\w+)\}/g, (_, name: NameIn<Text>) => String(details[name]));
    return { retryable, kind, message };
  };
}

type NameIn<Text> = Text extends `${string}{${infer Name}}${infer Rest}` ? Name | NameIn<Rest> : never;

/** An error that Concord raises, classified by the table above. */
export class ConcordError<Code extends FailureCode = FailureCode> extends Error {
  override readonly name = 'ConcordError';
  readonly code: Code;
  readonly details: FailureDetails[Code];

  constructor(code: Code, details: FailureDetails[Code], options?: ErrorOptions) {
    super(failures[code].message(details), options);
    this.code = code;
    this.details = details;
  }

  get retryable(): boolean {
    return failures[this.code].retryable;
  }

  get kind(): FailureKind {
    return failures[this.code].kind;
  }
}

/** Returns true if `value` is the code of a failure. */
export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(failures, value);
}
