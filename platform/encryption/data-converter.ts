import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { EncryptionCodec } from './encryption-codec.ts';
import type { EncryptionKeys } from './keys.ts';

/** For every client and worker. Without keys it encrypts nothing, and refuses an encrypted payload by its key's id. */
export function dataConverterOf(keys: EncryptionKeys | undefined): DataConverter {
  return { payloadCodecs: [new EncryptionCodec(keys)], ...(keys && encryptedFailures) };
}

/** The part of it that workflow code is bundled with. */
export const encryptedFailures: DataConverter = {
  failureConverterPath: fileURLToPath(new URL('./failure-converter.cjs', import.meta.url)),
};
