import { createRequire } from 'node:module';
import type { Target } from '../shared/target.ts';
import { type Check, failed, ok } from './check.ts';

export function nodeVersion(): Check {
  const { node } = process.versions;
  const isRecent = node.localeCompare('20.19', 'en', { numeric: true }) >= 0;
  return isRecent ? ok('node', node) : failed('node', node, 'install Node 20.19 or newer');
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
