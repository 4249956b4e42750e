import { ConcordError } from '../../domain/errors.ts';
import type { Concord } from '../concord.ts';
import type { Output } from './output.ts';
import { findTarget, type GlobalOptions, isRefused, type Target } from './target.ts';

/** One invocation: its options, where it prints, the server that it talks to, and how it ends. */
export class Session {
  readonly output: Output;
  options: GlobalOptions = {};
  exitCode = 0;
  /** What an error is about, for whoever has to repeat the command: an order id, a receipt id. */
  subject: Readonly<Record<string, string>> = {};
  private connected: Connected | undefined;

  constructor(output: Output) {
    this.output = output;
  }

  /** Connects, once. Input is to be checked before, so that bad input is reported with no server running. */
  async connect(): Promise<Connected> {
    this.connected ??= await connectTo(await findTarget(this.options));
    return this.connected;
  }

  async close(): Promise<void> {
    await this.connected?.concord.close();
  }
}

export interface Connected {
  readonly concord: Concord;
  readonly target: Target;
}

/** @throws ConcordError `Unreachable`, saying how this server was chosen and what to do. */
export async function connectTo(target: Target): Promise<Connected> {
  const { address, namespace, connection, encryptionKeys, fix } = target;
  if (await isRefused(address)) throw new ConcordError('Unreachable', { server: 'Temporal', address, fix });
  const { Concord } = await import('../concord.ts'); // loads the SDK: not for `--help`, nor for bad input
  const options = { connection, namespace, encryptionKeys, unreachableFix: fix };
  return { concord: await Concord.connect(options), target };
}
