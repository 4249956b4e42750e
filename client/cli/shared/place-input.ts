import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { defined } from '../../../domain/defined.ts';
import { ConcordError, type FailureDetails } from '../../../domain/errors.ts';
import { type Line, type Order, parseOrder } from '../../../domain/order.ts';
import { invalidInput } from '../../../domain/validation.ts';

export interface OrderFlags {
  readonly file?: string;
  readonly sku?: readonly Line[] | undefined;
  readonly customer?: string | undefined;
  readonly orderId?: string | undefined;
}

type Problem = FailureDetails['InvalidInput']['problems'][number];

/** Returns the order that options describe; one without an id gets a new one. @throws ConcordError `InvalidInput` */
export function orderFromFlags({ sku, customer, orderId }: OrderFlags): Order {
  const problems: Problem[] = [];
  if (sku === undefined) problems.push({ field: '--sku', fix: 'say what is ordered, as in --sku A:2' });
  if (customer === undefined) problems.push({ field: '--customer', fix: 'say whose order it is' });
  if (problems.length > 0) throw new ConcordError('InvalidInput', { problems });
  return orderOf({ orderId, customerId: customer, lines: sku }, flagOf);
}

/** Reads a file of orders, or of one by itself, or standard input for `-`. @throws ConcordError `InvalidInput` */
export async function ordersFromFile(file: string): Promise<Order | Order[]> {
  const name = file === '-' ? 'standard input' : file;
  const document = parseJson(await readBounded(file, name), name);
  if (!Array.isArray(document)) return orderOf(document, (field) => `${name}: ${field}`);
  if (document.length === 0) throw invalidInput(name, 'give at least one order');
  return ordersOf(document, name);
}

function ordersOf(documents: readonly unknown[], name: string): Order[] {
  const orders: Order[] = [];
  const problems: Problem[] = [];
  const firstUse = new Map<string, number>();
  for (const [index, document] of documents.entries()) {
    if (problems.length >= MAXIMUM_PROBLEMS) {
      const fix = `mend these first: the orders from [${index}] on were not looked at`;
      problems.push({ field: name, fix });
      break;
    }
    try {
      const order = orderOf(document, (field) => (field === 'input' ? `[${index}]` : `[${index}].${field}`));
      orders.push(order);
      const { orderId } = order;
      const first = firstUse.get(orderId);
      if (first === undefined) firstUse.set(orderId, index);
      else problems.push({ field: `[${index}].orderId`, fix: `${orderId} is the id of [${first}] already` });
    } catch (error) {
      problems.push(...problemsOf(error));
    }
  }
  if (problems.length > 0) throw new ConcordError('InvalidInput', { problems });
  return orders;
}

// A file may be wrong in a hundred thousand places; nobody reads that many.
const MAXIMUM_PROBLEMS = 20;

/** Checks one order. If it has no id it gets one before it is sent, so that a lost answer can be repeated with it. */
function orderOf(input: unknown, nameOf: (field: string) => string): Order {
  try {
    const isObject = typeof input === 'object' && input !== null && !Array.isArray(input);
    return parseOrder(isObject ? { orderId: randomUUID(), ...defined(input) } : input);
  } catch (error) {
    const problems = problemsOf(error).map(({ field, fix }) => ({ field: nameOf(field), fix }));
    throw new ConcordError('InvalidInput', { problems });
  }
}

function problemsOf(error: unknown): Problem[] {
  if (!(error instanceof ConcordError) || error.code !== 'InvalidInput') throw error;
  return (error as ConcordError<'InvalidInput'>).details.problems;
}

function flagOf(field: string): string {
  if (field === 'orderId') return '--order-id';
  if (field === 'customerId') return '--customer';
  return field.startsWith('lines') ? `--sku (${field})` : field;
}

const MAXIMUM_BYTES = 10 * 1024 * 1024;

async function readBounded(file: string, name: string): Promise<string> {
  if (file === '-' && process.stdin.isTTY)
    process.stderr.write('reading orders from the terminal; end with Ctrl-D\n');
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) {
      chunks.push(Buffer.from(chunk));
      size += chunk.length;
      if (size > MAXIMUM_BYTES) throw invalidInput(name, 'is larger than 10 MiB; split it');
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    if (error instanceof ConcordError) throw error;
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw invalidInput(name, UNREADABLE[code] ?? message);
  }
}

const UNREADABLE: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'is a directory; name a file',
  EACCES: 'may not be read; check its permissions',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'is not UTF-8 text',
};

function parseJson(text: string, name: string): unknown {
  if (text.trim() === '') throw invalidInput(name, 'is empty; give one order or an array of orders as JSON');
  try {
    return JSON.parse(text);
  } catch (error) {
    // The message repeats what stands around the fault, line breaks included.
    throw invalidInput(name, `is not JSON: ${(error as Error).message.replace(/\s+/g, ' ')}`);
  }
}
