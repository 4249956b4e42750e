// Holds the lock that it is told until it is killed.

import { withLock } from '../../tools/servers/cache.ts';
import { silentReport } from '../../tools/servers/report.ts';

await withLock(process.argv[2] ?? '', silentReport, async () => {
  process.stdout.write('held\n');
  await new Promise((resolve) => setInterval(resolve, 2 ** 30));
});
