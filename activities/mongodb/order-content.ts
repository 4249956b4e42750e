import type { Order } from '../../domain/order.ts';
import type { ParticipantRequest } from '../../domain/participant.ts';

/** An order as each service stores it; in a filter, it finds the document of just this content. */
export function contentOf({ orderId, customerId, lines }: Order) {
  return { _id: orderId, customerId, lines: [...lines] };
}

/** The part of a filter that finds what this request may decide: its own coordinator's order, or all if it takes over. */
export function decidableBy({ coordinatorId, takesOver = false }: ParticipantRequest) {
  return takesOver ? {} : { coordinatorId };
}
