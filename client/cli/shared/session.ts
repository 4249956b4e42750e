import { ConcordError } from '../../../domain/errors.ts';
import { startTracing, type Tracing } from '../../../platform/tracing/tracing.ts';
import type { Concord } from '../../concord.ts';
import type { Output } from './output.ts';
import { choiceText, findTarget, type GlobalOptions, isRefused, type Target } from './target.ts';

/** One invocation: its options, where it prints, which server it talks to, and how it ends. */
export class Session {
  readonly output: Output;
  options: GlobalOptions = {};
  exitCode = 0;
  /** What an error is about, to repeat the command with: an order id, a receipt id. */
  subject: Readonly<Record<string, string>> = {};
  private connected: Connected | undefined;
  private tracing: Tracing | undefined;

  constructor(output: Output) {
    this.output = output;
  }

  /** Connects, once. Check input before, so that bad input is reported with no server running. */
  async connect(): Promise<Connected> {
    if (this.connected === undefined) {
      this.tracing = await startTracing({ service: 'concord-client' });
      const target = await findTarget(this.options);
      const choice = choiceText(target);
      if (choice !== undefined) this.output.note(`using ${target.address}, from ${target.source}; ${choice}`);
      this.connected = await connectTo(target, this.tracing);
    }
    return this.connected;
  }

  /** Asks the server something, and shows `text` meanwhile. */
  async ask<Answer>(text: string, question: (concord: Concord) => Promise<Answer>): Promise<Answer> {
    const { concord } = await this.connect();
    return this.output.during(text, question(concord));
  }

  async close(): Promise<void> {
    await this.connected?.concord.close();
    // At most a second: a collector that doesn't answer must not keep whoever waits at the terminal.
    await this.tracing?.stop(1_000);
  }
}

export interface Connected {
  readonly concord: Concord;
  readonly target: Target;
}

/** @throws ConcordError `Unreachable`, saying how this server was chosen and what to do. */
export async function connectTo(target: Target, tracing?: Tracing): Promise<Connected> {
  const { address, namespace, connection, encryptionKeys, fix } = target;
  if (await isRefused(address)) throw new ConcordError('Unreachable', { server: 'Temporal', address, fix });
  const { Concord } = await import('../../concord.ts'); // loads the SDK: not for `--help`, nor for bad input
  const { logVerbosity, setLogVerbosity } = await import('@grpc/grpc-js');
  setLogVerbosity(logVerbosity.NONE); // its lines about a connection, beside ours that says what to do
  const options = { connection, namespace, encryptionKeys, unreachableFix: fix, tracing };
  return { concord: await Concord.connect(options), target };
}
