/**
 * Who takes part in an order: each name is a task queue, and the prefix of the activities that its worker hosts
 * (`inventory.prepare`, `inventory.commit`, `inventory.rollback`, `inventory.inspect`). A new participant is one more
 * name, see docs/adding-a-participant.md. The first is the order service, whose own record closes last.
 */
export const participantNames = ['orders', 'inventory'] as const;
