import type { Demand } from '../measure/shelves.ts';

export type Tell = (text: string) => void;

export interface CompareOptions {
  /** Of each measurement at saturation. */
  readonly orders: number;
  readonly rounds: number;
  /** How long a service stays down. */
  readonly faultSeconds: number;
  readonly parts: readonly Part[];
}

/** `low`: few orders at a time. `saturation`: many. Either way a customer places the next one when one is final. */
export const loads = ['low', 'saturation'] as const;
export type LoadName = (typeof loads)[number];

export const demands = ['spread', 'hot'] as const satisfies readonly Demand[];

export const faultNames = {
  'inventory-down': 'inventory down',
  'order-service-down': 'order service down',
  'temporal-restarted': 'Temporal restarted',
  'worker-killed': 'order worker killed',
} as const;
export type Fault = keyof typeof faultNames;
export const faults = Object.keys(faultNames) as Fault[];

export type Part = 'performance' | Fault;
export const parts: readonly Part[] = ['performance', ...faults];
