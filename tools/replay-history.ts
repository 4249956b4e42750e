import { readFile } from 'node:fs/promises';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { Worker } from '@temporalio/worker';
import { z } from 'zod';
import { services as names } from '../domain/services.ts';
import { preloadedModules, services } from '../workers/services.ts';

// Replays one recorded history in this thread, so that a debugger stops at breakpoints in workflow code:
//   node --inspect-brk --import tsx tools/replay-history.ts test/system/replay/histories/01-confirmed.json
const recordingSchema = z.object({ service: z.enum(names), workflowId: z.string(), history: z.unknown() });

const [file = ''] = process.argv.slice(2);
const { service, workflowId, history } = recordingSchema.parse(JSON.parse(await readFile(file, 'utf8')));
const { workflowsPath } = services[service];
const options = { workflowsPath, bundlerOptions: { preloadModules: preloadedModules }, debugMode: true };
await Worker.runReplayHistory(options, historyFromJSON(history), workflowId);
console.log(`${file} replays against the workflow code of today`);
