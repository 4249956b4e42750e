import { execFile } from 'node:child_process';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import { expect, test } from 'vitest';
import { findSearchAttributes } from '../../../platform/display/register-search-attributes.ts';
import { silentReport } from '../../../tools/servers/report.ts';
import { createSupervisor } from '../../../tools/servers/supervisor.ts';
import { findTemporal, startTemporal } from '../../../tools/servers/temporal.ts';

test('the namespace gets every search attribute that the server takes, and those that it refuses are named', async () => {
  const supervisor = await createSupervisor();
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  supervisor.removeAtEnd(directory);
  try {
    const usual = { supervisor, directory, keepData: false, report: silentReport };
    const { address } = await startTemporal(usual);
    const { command } = await findTemporal(silentReport);
    const prepare = (namespace: string) =>
      promisify(execFile)('sh', ['deploy/temporal/prepare-namespace.sh'], {
        env: {
          ...process.env, // the CLI reads HOME
          PATH: `${path.dirname(command)}:${process.env.PATH}`,
          ...{ TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace },
        },
      });
    const connection = await Connection.connect({ address });
    const { INDEXED_VALUE_TYPE_INT, INDEXED_VALUE_TYPE_BOOL: BOOL } =
      proto.temporal.api.enums.v1.IndexedValueType;
    const taken = { OrderStatus: INDEXED_VALUE_TYPE_INT, First: BOOL, Second: BOOL, Third: BOOL };
    await connection.workflowService.registerNamespace({
      namespace: 'crowded',
      workflowExecutionRetentionPeriod: { seconds: 86_400 } as never,
    });
    const add = () =>
      connection.operatorService.addSearchAttributes({ namespace: 'crowded', searchAttributes: taken });
    await expect.poll(() => add().catch(() => undefined)).toBeDefined();

    const crowded = await prepare('crowded');
    expect(crowded.stdout).toContain('Namespace crowded is ready');
    expect(crowded.stderr.trim().split('\n')).toEqual([
      expect.stringMatching(/^Orders do without the search attribute OrderStatus: .*different type Int/),
      expect.stringMatching(/^Orders do without the search attribute OrderNeedsAttention: .*more than 3/),
    ]);
    expect(await findSearchAttributes(connection, 'crowded')).toEqual({
      missing: ['OrderNeedsAttention'],
      otherwise: [{ name: 'OrderStatus', type: 'Int' }],
    });
    expect((await prepare('new')).stderr).toBe('');
    expect(await findSearchAttributes(connection, 'new')).toEqual({ missing: [], otherwise: [] });
    await connection.close();
  } finally {
    await supervisor.stop();
  }
});
