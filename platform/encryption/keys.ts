import { createSecretKey, type KeyObject } from 'node:crypto';

/** A key of AES-256, which shows no bytes in a log, and the id by which payloads name it. */
export interface EncryptionKey {
  readonly id: string;
  readonly secret: KeyObject;
}

/** The first key encrypts; every key decrypts. */
export type EncryptionKeys = readonly [EncryptionKey, ...EncryptionKey[]];

/** Reads `id:key`, with commas or line breaks between. @throws Error that says which is wrong, but shows no key. */
export function parseKeys(text: string): EncryptionKeys {
  const entries = text.split(/[\s,]+/).filter(Boolean);
  const [first, ...others] = entries.map((entry, index) => parseKey(entry, index + 1));
  if (first === undefined) throw new Error('give at least one key, as id:base64');
  const keys: EncryptionKeys = [first, ...others];
  const ids = keys.map(({ id }) => id);
  const repeated = ids.find((id, index) => ids.indexOf(id) !== index);
  if (repeated !== undefined) throw new Error(`the key id ${repeated} is there twice; each key has its own`);
  return keys;
}

function parseKey(entry: string, position: number): EncryptionKey {
  const [, id, encoded = ''] = /^([A-Za-z0-9._-]{1,64}):(.*)$/.exec(entry) ?? [];
  if (id === undefined)
    throw new Error(`key ${position}: write it as id:base64, the id in 1 to 64 letters, digits, ., _ and -`);
  const bytes = Buffer.from(encoded, 'base64');
  // Node skips what is no base64, and so would take a mistyped key for another one.
  if (bytes.length !== 32 || bytes.toString('base64') !== encoded)
    throw new Error(`key ${id}: use the base64 of 32 bytes, as \`openssl rand -base64 32\` prints it`);
  return { id, secret: createSecretKey(bytes) };
}
