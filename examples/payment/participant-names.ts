/** Who takes part in an order, with payment: `workflows/order/participant-names.ts` after the one change that it takes. */
export const participantNames = ['orders', 'inventory', 'payment'] as const;
