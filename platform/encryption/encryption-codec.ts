import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { decode, encode } from '@temporalio/common/lib/encoding.js';
import proto from '@temporalio/proto';
import { ConcordError } from '../../domain/errors.ts';
import type { EncryptionKey, EncryptionKeys } from './keys.ts';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

/** The metadata of an encrypted payload, as in Temporal's samples, which other tools know. */
const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';

const ALGORITHM = 'aes-256-gcm';
/** Bytes. A random nonce of this length is good for some 2³² payloads of one key. */
const NONCE = 12;
const TAG = 16;

/** AES-256-GCM of each whole payload: nonce, ciphertext, tag; the key's id is authenticated. What is plain stays so. */
export class EncryptionCodec implements PayloadCodec {
  private readonly keys: readonly EncryptionKey[];

  constructor(keys: EncryptionKeys | undefined) {
    this.keys = keys ?? [];
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const [key] = this.keys;
    return key === undefined ? payloads : payloads.map((payload) => encrypted(payload, key));
  }

  /** @throws ConcordError `UnknownKey` if the key is not listed; `DamagedPayload` if the payload was changed. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (isEncrypted(payload) ? this.decrypted(payload) : payload));
  }

  private decrypted({ metadata, data }: Payload): Payload {
    const keyId = decode(metadata?.[KEY_ID] ?? new Uint8Array());
    const key = this.keys.find(({ id }) => id === keyId);
    if (key === undefined) {
      // Anyone who can write to the namespace chooses this id, so only a short and plain form of it is shown.
      const shown = keyId.replace(/[^A-Za-z0-9._-]/g, '?').slice(0, 64) || '(none)';
      throw new ConcordError('UnknownKey', { keyId: shown });
    }
    try {
      return opened(data ?? new Uint8Array(), key);
    } catch (error) {
      throw new ConcordError('DamagedPayload', { keyId }, { cause: error });
    }
  }
}

export function isEncrypted({ metadata }: Payload): boolean {
  return metadata?.encoding != null && decode(metadata.encoding) === ENCODING;
}

function encrypted(payload: Payload, { id, secret }: EncryptionKey): Payload {
  const keyId = encode(id);
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv(ALGORITHM, secret, nonce, { authTagLength: TAG }).setAAD(keyId);
  const inside = PayloadMessage.encode(payload).finish();
  const data = Buffer.concat([nonce, cipher.update(inside), cipher.final(), cipher.getAuthTag()]);
  return { metadata: { encoding: encode(ENCODING), [KEY_ID]: keyId }, data };
}

function opened(data: Uint8Array, { id, secret }: EncryptionKey): Payload {
  if (data.length < NONCE + TAG) throw new Error('it is too short');
  const decipher = createDecipheriv(ALGORITHM, secret, data.subarray(0, NONCE), { authTagLength: TAG });
  decipher.setAAD(encode(id)).setAuthTag(data.subarray(-TAG));
  const inside = Buffer.concat([decipher.update(data.subarray(NONCE, -TAG)), decipher.final()]);
  return PayloadMessage.decode(inside);
}
