import { Metadata, status } from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { lackIn } from '../../../platform/connection/updates.ts';

// What servers answer that are older than any to be had for a test; the words are those of Go's and Java's gRPC.

const answer = (code: status, details: string) =>
  Object.assign(new Error(`${code} ${status[code]}: ${details}`), {
    code,
    details,
    metadata: new Metadata(),
  });
const SERVICE = 'temporal.api.workflowservice.v1.WorkflowService';

test.each([
  [`unknown method ExecuteMultiOperation for service ${SERVICE}`, 'update-with-start'],
  [`unknown method UpdateWorkflowExecution for service ${SERVICE}`, 'updates of workflows'],
  [`Method not found: ${SERVICE}/ExecuteMultiOperation`, 'update-with-start'],
])('a server that is too old is told with the version that is needed: %s', (details, feature) => {
  expect(lackIn(answer(status.UNIMPLEMENTED, details))).toEqual({
    feature,
    fix: 'use Temporal Server 1.26 or newer',
  });
});

test.each([
  [status.UNIMPLEMENTED, `unknown service ${SERVICE}`],
  [status.UNIMPLEMENTED, `unknown method PauseWorkflowExecution for service ${SERVICE}`],
  [status.PERMISSION_DENIED, 'Request unauthorized.'],
  [status.PERMISSION_DENIED, 'no permission for ExecuteMultiOperation'],
  [status.INVALID_ARGUMENT, 'UpdateWorkflowExecution has no name'],
])('another answer is not taken for that: %i %s', (code, details) => {
  expect(lackIn(answer(code, details))).toBeUndefined();
});
