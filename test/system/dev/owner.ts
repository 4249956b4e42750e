// Starts the servers as `npm start` does, in a process that a test can end: prints its record, and stops on a line.

import { once } from 'node:events';
import { createReport } from '../../../tools/servers/report.ts';
import { livingServers } from '../../../tools/servers/running.ts';
import { startServers } from '../../../tools/servers/servers.ts';

const servers = await startServers({ report: createReport(), role: 'test' });
const record = livingServers().find(({ owner }) => owner.pid === process.pid);
process.stdout.write(`${JSON.stringify(record)}\n`);
await once(process.stdin, 'data');
await servers.stop();
process.exit(0);
