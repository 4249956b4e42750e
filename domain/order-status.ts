// Apart from what checks orders, so that a command can be described without loading that.

export const finalStatuses = ['confirmed', 'rejected', 'cancelled'] as const;
export const orderStatuses = ['pending', ...finalStatuses] as const;
export type FinalStatus = (typeof finalStatuses)[number];
export type OrderStatus = (typeof orderStatuses)[number];
