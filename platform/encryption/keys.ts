import { createSecretKey, type KeyObject } from 'node:crypto';

/** A key of AES-256 under the id that payloads name it by. */
export interface EncryptionKey {
  readonly id: string;
  /** Never shows its bytes where it is logged. */
  readonly secret: KeyObject;
}

/** The first one encrypts; each of them decrypts. */
export type EncryptionKeys = readonly [EncryptionKey, ...EncryptionKey[]];

/**
 * Reads `id:key`, with commas or line breaks between them; a key is the base64 of 32 bytes.
 *
 * @throws Error naming which one, and the fix, in words that show none of them.
 */
export function parseKeys(text: string): EncryptionKeys {
  const [first, ...others] = text.split(/[\s,]+/).filter(Boolean);
  if (first === undefined) throw new Error('give at least one key, as id:base64');
  const keys: EncryptionKeys = [
    parseKey(first, 1),
    ...others.map((entry, index) => parseKey(entry, index + 2)),
  ];
  const ids = keys.map(({ id }) => id);
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  if (repeated !== undefined) throw new Error(`the key id ${repeated} is there twice; each key has its own`);
  return keys;
}

const BYTES = 32;
const ID = /^[A-Za-z0-9._-]{1,64}$/;

function parseKey(entry: string, position: number): EncryptionKey {
  const colon = entry.indexOf(':');
  const id = entry.slice(0, colon);
  if (colon < 0 || !ID.test(id)) {
    throw new Error(`key ${position}: write it as id:base64, the id in 1 to 64 letters, digits, ., _ and -`);
  }
  const encoded = entry.slice(colon + 1);
  const bytes = Buffer.from(encoded, 'base64');
  // Node ignores what is no base64, and so would take a mistyped key for another one.
  if (bytes.length !== BYTES || bytes.toString('base64') !== encoded) {
    throw new Error(
      `key ${id}: use the base64 of ${BYTES} bytes, as \`openssl rand -base64 ${BYTES}\` prints it`,
    );
  }
  return { id, secret: createSecretKey(bytes) };
}
