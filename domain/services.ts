/** The services of Concord: each is a task queue, a worker and a database of that name. */
export const services = ['orders', 'inventory'] as const;

export type ServiceName = (typeof services)[number];
