// The order service's worker as it is, and what it is measured against.
export * from '../../../../workflows/orders.ts';
export { floor, sequentialSaga } from './shapes.ts';
