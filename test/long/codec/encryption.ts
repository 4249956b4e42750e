import { randomBytes } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Client } from '@temporalio/client';
import proto from '@temporalio/proto';
import { dataConverterOf } from '../../../platform/encryption/data-converter.ts';
import { parseKeys } from '../../../platform/encryption/keys.ts';
import { bundleWorkflows } from '../../../workers/bundle.ts';
import type { Encryption } from '../../support/platform.ts';

/** A new key, as ENCRYPTION_KEYS has it. */
export const keyOf = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;

/** Workflow code that goes with encryption, bundled once for all keys. @returns Makes what a platform takes of keys. */
export async function bundleForEncryption(): Promise<(...keys: string[]) => Encryption> {
  const directory = await mkdtemp(path.join(tmpdir(), 'concord-test-'));
  const converter = dataConverterOf(parseKeys(keyOf('any')));
  const [orders, inventory] = await Promise.all([
    bundleWorkflows('orders', directory, converter),
    bundleWorkflows('inventory', directory, converter),
  ]);
  return (...keys) => ({ keys: parseKeys(keys.join(',')), workflowBundles: { orders, inventory } });
}

const { History } = proto.temporal.api.history.v1;
const { DescribeWorkflowExecutionResponse } = proto.temporal.api.workflowservice.v1;

/** All that Temporal keeps of every workflow of a namespace, as it keeps it; by workflow id. */
export async function keptByTemporal(client: Client): Promise<Map<string, string>> {
  const { workflowService } = client;
  const { namespace } = client.options;
  const kept = new Map<string, string>();
  const { executions } = await workflowService.listWorkflowExecutions({ namespace, pageSize: 1_000 });
  for (const { execution } of executions) {
    const asked = { namespace, execution: execution ?? null };
    const { history } = await workflowService.getWorkflowExecutionHistory(asked);
    const description = await workflowService.describeWorkflowExecution(asked);
    const bytes = [History.encode(history ?? {}), DescribeWorkflowExecutionResponse.encode(description)];
    const text = bytes.map((writer) => Buffer.from(writer.finish()).toString('latin1')).join('\n');
    kept.set(`${execution?.workflowId} ${execution?.runId}`, text);
  }
  return kept;
}
