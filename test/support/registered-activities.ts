import type { Client } from '@temporalio/client';
import { createCoordinators } from '../../activities/coordinator.ts';
import type { ServiceDependencies } from '../../activities/dependencies.ts';
import { services } from '../../workers/services.ts';

/** The activities that settle what was left behind; `recovery-points.test.ts` strikes them. */
export const RECOVERY = [
  'orders.inspect',
  'orders.findCoordinator',
  'inventory.inspect',
  'inventory.findOrphans',
];

/** The names of all activities that workers register. */
export function registered(): string[] {
  // What they depend on is only asked for its names.
  const dependencies = {
    database: { collection: () => ({}) },
    coordinators: createCoordinators({} as Client),
  } as unknown as ServiceDependencies;
  return Object.values(services).flatMap((service) => Object.keys(service.createActivities(dependencies)));
}
