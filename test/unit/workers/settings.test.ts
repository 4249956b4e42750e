import { expect, test } from 'vitest';
import { readSettings } from '../../../workers/settings.ts';

test('without any variable, a worker expects its servers on this machine', () => {
  expect(readSettings({})).toMatchObject({
    temporal: { namespace: 'default' },
    databases: {
      orders: { uri: 'mongodb://127.0.0.1:27017', name: 'orders' },
      inventory: { uri: 'mongodb://127.0.0.1:27017', name: 'inventory' },
    },
    logLevel: 'info',
    health: undefined,
    metrics: undefined,
  });
});

test("each service has its own connection string; Temporal's own variables are honoured; empty ones are unset", () => {
  const settings = readSettings({
    MONGODB_URI: '',
    ORDERS_MONGODB_URI: 'mongodb://orders.example',
    INVENTORY_MONGODB_URI: 'mongodb://inventory.example',
    INVENTORY_DATABASE: 'warehouse',
    TEMPORAL_ADDRESS: 'temporal.example:7233',
    TEMPORAL_NAMESPACE: 'shop',
    HEALTH_PORT: '8080',
    METRICS_PORT: '9464',
  });
  expect(settings).toMatchObject({
    temporal: { connection: { address: 'temporal.example:7233' }, namespace: 'shop' },
    databases: {
      orders: { uri: 'mongodb://orders.example', name: 'orders' },
      inventory: { uri: 'mongodb://inventory.example', name: 'warehouse' },
    },
    health: { host: '127.0.0.1', port: 8080 },
    metrics: { host: '127.0.0.1', port: 9464 },
  });
});

test.each([
  ['MONGODB_URI', 'localhost:27017'],
  ['ORDERS_MONGODB_URI', 'mongodb://host:99999'],
  ['ORDERS_DATABASE', 'a/b'],
  ['LOG_LEVEL', 'loud'],
  ['HEALTH_PORT', 'eighty'],
  ['HEALTH_PORT', '70000'],
  ['METRICS_PORT', '70000'],
  ['METRICS_HOST', 'everywhere'],
  ['MAXIMUM_ACTIVITIES', '0'],
  ['MAXIMUM_ACTIVITIES', 'many'],
  ['MAXIMUM_WORKFLOW_TASKS', '1'],
  ['CACHED_WORKFLOWS', '2.5'],
  ['MAXIMUM_POLLERS', '1'],
  ['TEMPORAL_DEPLOYMENT_NAME', 'two words'],
  ['TEMPORAL_DEPLOYMENT_NAME', 'concord.orders'],
  ['TEMPORAL_WORKER_BUILD_ID', '-1'],
])('a wrong %s is named', (name, value) => {
  expect(() => readSettings({ [name]: value })).toThrow(new RegExp(`^${name}: `));
});

test('a cache that holds fewer workflows than run at once is refused: the SDK would run fewer in silence', () => {
  const wrong = { CACHED_WORKFLOWS: '10', MAXIMUM_WORKFLOW_TASKS: '11' };
  expect(() => readSettings(wrong)).toThrow(/^CACHED_WORKFLOWS: use at least MAXIMUM_WORKFLOW_TASKS/);
  expect(readSettings({ ...wrong, CACHED_WORKFLOWS: '11' }).limits).toMatchObject({
    cachedWorkflows: 11,
    workflowTasks: 11,
  });
});

test('a worker is of no version, or of a whole one', () => {
  const name = { TEMPORAL_DEPLOYMENT_NAME: 'concord-orders' };
  const build = { TEMPORAL_WORKER_BUILD_ID: 'v1.2-rc.3' };
  expect(readSettings({}).version).toBeUndefined();
  expect(readSettings({ ...name, ...build }).version).toEqual({
    ...{ deploymentName: 'concord-orders', buildId: 'v1.2-rc.3' },
  });
  for (const half of [name, build]) {
    expect(() => readSettings(half)).toThrow(/TEMPORAL_DEPLOYMENT_NAME: .*TEMPORAL_WORKER_BUILD_ID/);
  }
});

test("a profile of Temporal's configuration that is not there is named", () => {
  expect(() => readSettings({ TEMPORAL_PROFILE: 'nope' })).toThrow(/^TEMPORAL_PROFILE: .*nope/);
});
