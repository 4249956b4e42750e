import type { IncomingMessage } from 'node:http';

/** Why a request is not served, and the HTTP status that says so. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** More than Temporal lets a page of a history have. Bytes. */
const MAXIMUM_BODY = 8 * 1024 * 1024;

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const tooLarge = new Refusal(413, `send at most ${MAXIMUM_BODY} bytes`);
  if (Number(request.headers['content-length']) > MAXIMUM_BODY) throw tooLarge;
  const parts: Buffer[] = [];
  let length = 0;
  // Not by iterating: to leave a loop early would end the connection before the answer is sent.
  return new Promise((resolve, reject) => {
    request.on('data', (part: Buffer) => {
      length += part.length;
      if (length <= MAXIMUM_BODY) return void parts.push(part);
      request.pause();
      reject(tooLarge);
    });
    request.once('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    request.once('error', () => reject(new Refusal(400, 'the request was broken off')));
  });
}
