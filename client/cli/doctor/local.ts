import { createRequire } from 'node:module';
import type { Target } from '../shared/target.ts';
import { type Check, failed, ok } from './check.ts';

/** One that works and isn't supported is ok: who runs it is told which ones are. */
export function nodeVersion({ node } = process.versions): Check {
  const works = node.localeCompare('20.19', 'en', { numeric: true }) >= 0;
  if (!works) return failed('node', node, 'install Node 22, 24 or 26');
  const isSupported = /^(22|24|26)\./.test(node);
  return ok('node', isSupported ? node : `${node}, which works; Node 22, 24 and 26 are supported`);
}

export function sdkVersion(): Check {
  const manifest: unknown = createRequire(import.meta.url)('@temporalio/client/package.json');
  return ok('sdk', `@temporalio/client ${(manifest as { version: string }).version}`);
}

/** Names the keys by their ids, which are no secret. */
export function encryption({ encryptionKeys: keys }: Target): Check {
  const ids = keys?.map(({ id }) => id).join(', ');
  return ok('encryption', keys === undefined ? 'off' : `on, with the key ${keys[0].id}; decrypts ${ids}`);
}
