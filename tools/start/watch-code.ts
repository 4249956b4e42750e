import { watch } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ServiceName, services } from '../../domain/services.ts';
import type { Report } from '../servers/report.ts';
import type { WorkerProcess } from './worker-process.ts';

/** Restarts a worker when its code changes; Temporal keeps the orders in flight. @returns Stops watching. */
export function watchCode(workers: ReadonlyMap<ServiceName, WorkerProcess>, report: Report): () => void {
  const changed = new Set<ServiceName>();
  let timer: NodeJS.Timeout | undefined;
  const restartChanged = () => {
    for (const name of changed) workers.get(name)?.restart();
    changed.clear();
  };
  const watchers = FOLDERS.map((folder) =>
    watch(`${root}${folder}`, { recursive: true }, (_, file) => {
      if (!file?.endsWith('.ts')) return;
      const own = services.filter((name) => folder === 'activities' && file.startsWith(`${name}/`));
      for (const name of own.length > 0 ? own : services) changed.add(name);
      clearTimeout(timer);
      timer = setTimeout(restartChanged, QUIET_TIME);
    }),
  );
  report.note(`Watching ${FOLDERS.join(', ')}: a worker restarts when its code changes`);
  return () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
  };
}

const root = fileURLToPath(new URL('../../', import.meta.url));

const FOLDERS = ['activities', 'domain', 'platform', 'workers', 'workflows'];

// An editor saves several files at once. Milliseconds.
const QUIET_TIME = 200;
