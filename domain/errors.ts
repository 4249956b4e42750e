/** What each failure carries, so that a program can act on it without reading its message. */
export interface FailureDetails {
  InvalidInput: { problems: { field: string; fix: string }[] };
  OutOfStock: { sku: string; requested: number; available: number };
  UnknownSku: { sku: string };
  StockLimit: { sku: string; limit: number };
  PrepareTimedOut: { participant: string; lastError: string };
  ParticipantFailed: { participant: string; lastError: string };
  OrderIdTaken: { orderId: string };
  AlreadyDecided: { orderId: string; status: string; reason?: unknown };
  TooLate: { orderId: string; status: string };
  UnknownOrder: { orderId: string };
  /** `status` and `reason`: how the order was settled, where the participant knows. */
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
  Unreachable: { server: string; address: string; fix: string };
  NoAnswer: { service: string; fix: string };
  /** `says`: the server's own words. */
  Busy: { server: string; address: string; says: string; fix: string };
  TooLarge: { server: string; address: string; says: string };
  UnknownKey: { keyId: string };
  DamagedPayload: { keyId: string };
}

export type FailureCode = keyof FailureDetails;

/** Who a failure concerns, and so the CLI's exit code: 1 the business refused, 2 bad input, 3 nobody answered. */
export type FailureKind = 'refused' | 'bad input' | 'unreachable' | 'internal';

interface FailureRule<Details> {
  /** Retried by the coordinator: true only where the same request can succeed later. */
  readonly retryable: boolean;
  readonly kind: FailureKind;
  /** What the user sees. */
  readonly message: (details: Details) => string;
}

/** The one place that says of every failure whether it is retried, whom it concerns, and what the user sees. */
export const failures: { readonly [Code in FailureCode]: FailureRule<FailureDetails[Code]> } = {
  // Bad input: nothing was written, and the same request can never succeed.
  InvalidInput: {
    retryable: false,
    kind: 'bad input',
    message: ({ problems }) => problems.map(({ field, fix }) => `${field}: ${fix}`).join('; '),
  },
  // Business refusals: a participant votes no, and the order is rejected.
  OutOfStock: {
    retryable: false,
    kind: 'refused',
    message: ({ sku, requested, available }) =>
      `${sku} is out of stock: ${requested} wanted, ${available} available`,
  },
  UnknownSku: {
    retryable: false,
    kind: 'refused',
    message: ({ sku }) => `${sku} is not a SKU that the inventory knows`,
  },
  StockLimit: {
    retryable: false,
    kind: 'refused',
    message: ({ sku, limit }) => `${sku} can't hold more than ${limit} units in all`,
  },
  PrepareTimedOut: {
    retryable: false,
    kind: 'refused',
    message: ({ participant, lastError }) =>
      `${participant} did not answer within the prepare budget (${lastError})`,
  },
  ParticipantFailed: {
    retryable: false,
    kind: 'refused',
    message: ({ participant, lastError }) => `${participant} failed to prepare (${lastError})`,
  },
  OrderIdTaken: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId }) =>
      `order id ${orderId} is taken by an order with different content; use another id`,
  },
  AlreadyDecided: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId, status }) => `order ${orderId} was already ${status}`,
  },
  LeftUndecided: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId }) =>
      `order ${orderId} was left undecided by an earlier workflow; settle it with \`concord resolve\``,
  },
  TooLate: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId, status }) => `too late: order ${orderId} is already ${status}`,
  },
  UnknownOrder: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId }) => `no order ${orderId} is known; check the id, or see \`concord list\``,
  },
  // Disorder between attempts: what a participant answers to keep its promises.
  LateArrival: {
    retryable: false,
    kind: 'internal',
    message: ({ participant, orderId }) =>
      `${participant}: prepare of order ${orderId} came after it was settled`,
  },
  ProtocolViolation: {
    retryable: false,
    kind: 'internal',
    message: ({ participant, orderId, asked, found }) =>
      `${participant}: ${asked} of order ${orderId} is refused, because it is ${found}; nothing was changed`,
  },
  AttemptExpired: {
    retryable: true,
    kind: 'internal',
    message: ({ participant, orderId }) =>
      `${participant}: an attempt for order ${orderId} ran out of time; trying again`,
  },
  OrderFailed: {
    retryable: false,
    kind: 'internal',
    message: ({ orderId, lastError }) =>
      `order ${orderId} stopped on an error and needs an operator (${lastError}); its history in the Web UI has the details`,
  },
  // What operators meet.
  Abandoned: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId }) => `order ${orderId} was given up: its workflow ended before it had decided`,
  },
  DamagedStock: {
    // Repaired by hand, and then the same request succeeds.
    retryable: true,
    kind: 'internal',
    message: ({ sku, problem }) => `the stock document of ${sku} is damaged and must be repaired: ${problem}`,
  },
  DamagedOrder: {
    retryable: true,
    kind: 'internal',
    message: ({ orderId, problem }) =>
      `the record of order ${orderId} is damaged and must be repaired: ${problem}`,
  },
  CannotResolve: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId, status, because }) => `order ${orderId} can't be resolved as ${status}: ${because}`,
  },
  NothingToRetry: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId, because }) => `nothing of order ${orderId} can be tried now: ${because}`,
  },
  RetryUnsupported: {
    retryable: false,
    kind: 'refused',
    message: ({ orderId }) =>
      `this Temporal server can't cut a wait short; order ${orderId} is tried again by itself, see \`concord stuck\``,
  },
  // Nobody answered: nothing is known to have happened.
  Unreachable: {
    retryable: true,
    kind: 'unreachable',
    message: ({ server, address, fix }) => `${server} at ${address} can't be reached; ${fix}`,
  },
  NoAnswer: {
    retryable: true,
    kind: 'unreachable',
    message: ({ service, fix }) => `the ${service} service does not answer; ${fix}`,
  },
  // The server answered, and refused to take the call.
  Busy: {
    retryable: true,
    kind: 'unreachable',
    message: ({ server, address, says, fix }) =>
      `${server} at ${address} has more to do than it accepts (${says}); ${fix}`,
  },
  TooLarge: {
    retryable: false,
    kind: 'bad input',
    message: ({ server, address, says }) =>
      `${server} at ${address} refuses this as too large (${says}); nothing was accepted: ask for less at once`,
  },
  // What Temporal keeps encrypted. It is all there, and readable again once the key is.
  UnknownKey: {
    retryable: true,
    kind: 'bad input',
    message: ({ keyId }) =>
      `this is encrypted with the key ${keyId}, which is not among ENCRYPTION_KEYS here: add it to them`,
  },
  DamagedPayload: {
    retryable: true,
    kind: 'bad input',
    message: ({ keyId }) =>
      `this names the key ${keyId}, but was not encrypted with it, or was changed since: check that key in ENCRYPTION_KEYS`,
  },
};

/** An error that Concord itself raises: typed, classified by the table above, with its details. */
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

/** True when `value` names a row of the table. */
export function isFailureCode(value: unknown): value is FailureCode {
  return typeof value === 'string' && Object.hasOwn(failures, value);
}
