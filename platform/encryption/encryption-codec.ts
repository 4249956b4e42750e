import { createCipheriv, createDecipheriv, type KeyObject, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import { decode, encode } from '@temporalio/common/lib/encoding.js';
import proto from '@temporalio/proto';
import { ConcordError } from '../../domain/errors.ts';
import type { EncryptionKey, EncryptionKeys } from './keys.ts';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

/** What an encrypted payload says of itself, in the words of Temporal's samples, which other tools know. */
export const ENCODING = 'binary/encrypted';
const KEY_ID = 'encryption-key-id';

const ALGORITHM = 'aes-256-gcm';
/** Random, and so good for some 2³² payloads of one key. Bytes. */
const NONCE = 12;
const TAG = 16;

/**
 * Encrypts each payload as a whole, what it says of its own encoding included, with AES-256-GCM. Its data is the nonce,
 * the ciphertext and the tag; the id of the key is authenticated with them.
 *
 * Without keys it encrypts nothing. What is not encrypted it leaves as it is, so that encryption can be switched on while
 * orders are in flight.
 */
export class EncryptionCodec implements PayloadCodec {
  private readonly encrypting: EncryptionKey | undefined;
  private readonly keys: ReadonlyMap<string, KeyObject>;

  constructor(keys: EncryptionKeys | undefined) {
    this.encrypting = keys?.[0];
    this.keys = new Map(keys?.map(({ id, secret }) => [id, secret]));
  }

  async encode(payloads: Payload[]): Promise<Payload[]> {
    const key = this.encrypting;
    return key === undefined ? payloads : payloads.map((payload) => encrypted(payload, key));
  }

  /** @throws ConcordError `UnknownKey` where its key is not listed; `DamagedPayload` where it is not what was encrypted. */
  async decode(payloads: Payload[]): Promise<Payload[]> {
    return payloads.map((payload) => (isEncrypted(payload) ? this.decrypted(payload) : payload));
  }

  private decrypted({ metadata, data }: Payload): Payload {
    const keyId = decode(metadata?.[KEY_ID] ?? new Uint8Array());
    const key = this.keys.get(keyId);
    if (key === undefined) throw new ConcordError('UnknownKey', { keyId: printable(keyId) });
    try {
      return opened(data ?? new Uint8Array(), { id: keyId, secret: key });
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
  const end = data.length - TAG;
  const decipher = createDecipheriv(ALGORITHM, secret, data.subarray(0, NONCE), { authTagLength: TAG })
    .setAAD(encode(id))
    .setAuthTag(data.subarray(end));
  const inside = Buffer.concat([decipher.update(data.subarray(NONCE, end)), decipher.final()]);
  return PayloadMessage.decode(inside);
}

/** Whoever can write to the namespace names the key, so what is shown of it is short and plain. */
function printable(keyId: string): string {
  return keyId.replace(/[^A-Za-z0-9._-]/g, '?').slice(0, 64) || '(none)';
}
