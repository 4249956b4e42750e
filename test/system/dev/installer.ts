// Installs what it is told, all at once, when its standard input ends; says which of them it has installed itself.

import { once } from 'node:events';
import { installed } from '../../../tools/servers/cache.ts';
import { silentReport } from '../../../tools/servers/report.ts';

process.stdout.write('\n');
await once(process.stdin.resume(), 'end');
const install = (name: string) => async () => void process.stdout.write(`${name}\n`);
await Promise.all(process.argv.slice(2).map((name) => installed(name, install(name), silentReport)));
