// Installs what it is told until it is killed.

import { installed } from '../../../tools/servers/cache.ts';
import { silentReport } from '../../../tools/servers/report.ts';

const install = async () => {
  process.stdout.write('installing\n');
  await new Promise((resolve) => setInterval(resolve, 2 ** 30));
};
await installed(process.argv[2] ?? '', install, silentReport);
