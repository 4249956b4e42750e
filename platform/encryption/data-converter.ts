import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { EncryptionCodec } from './encryption-codec.ts';
import type { EncryptionKeys } from './keys.ts';

/**
 * What every client and worker of Concord reads and writes Temporal's payloads with. Without keys nothing is encrypted,
 * and what is encrypted is refused with the id of its key.
 */
export function dataConverterOf(keys: EncryptionKeys | undefined): DataConverter {
  return {
    payloadCodecs: [new EncryptionCodec(keys)],
    ...(keys === undefined ? {} : encryptedFailures),
  };
}

/** The part of it that workflow code is bundled with. */
export const encryptedFailures: DataConverter = {
  failureConverterPath: fileURLToPath(new URL('./failure-converter.cjs', import.meta.url)),
};
