import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { ConcordError } from '../../../domain/errors.ts';
import { type Line, type Order, parseOrder } from '../../../domain/order.ts';

/** What the options of `place` say about one order. */
export interface OrderFlags {
  readonly sku?: readonly Line[] | undefined;
  readonly customer?: string | undefined;
  readonly orderId?: string | undefined;
}

/** The order that options describe; one without an id gets a new one. @throws ConcordError `InvalidInput` */
export function orderFromFlags({ sku, customer, orderId }: OrderFlags): Order {
  const problems: Problem[] = [];
  if (sku === undefined) problems.push({ field: '--sku', fix: 'say what is ordered, as in --sku A:2' });
  if (customer === undefined) problems.push({ field: '--customer', fix: 'say whose order it is' });
  if (problems.length > 0) throw new ConcordError('InvalidInput', { problems });
  const checked = check({ orderId: orderId ?? randomUUID(), customerId: customer, lines: sku }, flagOf);
  if ('order' in checked) return checked.order;
  throw new ConcordError('InvalidInput', { problems: checked.problems });
}

/** What a file holds: one order, or an array of them. */
export interface OrdersFile {
  readonly orders: readonly Order[];
  readonly isArray: boolean;
}

/**
 * Reads a file of orders, or standard input for `-`, and checks all of them.
 *
 * @throws ConcordError `InvalidInput`, naming every order and field that is wrong.
 */
export async function ordersFromFile(file: string): Promise<OrdersFile> {
  const name = file === '-' ? 'standard input' : file;
  const document = parseJson(await readBounded(file, name), name);
  if (Array.isArray(document)) return { orders: checkAll(document, name), isArray: true };
  const checked = check(withOrderId(document), (field) => `${name}: ${field}`);
  if ('order' in checked) return { orders: [checked.order], isArray: false };
  throw new ConcordError('InvalidInput', { problems: checked.problems });
}

interface Problem {
  readonly field: string;
  readonly fix: string;
}

function checkAll(documents: readonly unknown[], name: string): Order[] {
  if (documents.length === 0) throw invalid(name, 'give at least one order');
  const orders: Order[] = [];
  const problems: Problem[] = [];
  const firstUse = new Map<string, number>();
  for (const [index, document] of documents.entries()) {
    const checked = check(withOrderId(document), (field) =>
      field === 'input' ? `[${index}]` : `[${index}].${field}`,
    );
    if (problems.length >= MAXIMUM_PROBLEMS) {
      problems.push({
        field: name,
        fix: `mend these first: the orders from [${index}] on were not looked at`,
      });
      break;
    }
    if ('problems' in checked) {
      problems.push(...checked.problems);
      continue;
    }
    const { orderId } = checked.order;
    const first = firstUse.get(orderId);
    if (first === undefined) firstUse.set(orderId, index);
    else problems.push({ field: `[${index}].orderId`, fix: `${orderId} is the id of [${first}] already` });
    orders.push(checked.order);
  }
  if (problems.length > 0) throw new ConcordError('InvalidInput', { problems });
  return orders;
}

// A file may be wrong in a hundred thousand places; nobody reads that many.
const MAXIMUM_PROBLEMS = 20;

/** An order without an id gets one before it is sent, so that a lost answer can be repeated with the same id. */
function withOrderId(document: unknown): unknown {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) return document;
  return 'orderId' in document ? document : { ...document, orderId: randomUUID() };
}

function check(
  input: unknown,
  nameOf: (field: string) => string,
): { order: Order } | { problems: Problem[] } {
  try {
    return { order: parseOrder(input) };
  } catch (error) {
    if (!(error instanceof ConcordError) || error.code !== 'InvalidInput') throw error;
    const { problems } = error.details as ConcordError<'InvalidInput'>['details'];
    return { problems: problems.map(({ field, fix }) => ({ field: nameOf(field), fix })) };
  }
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
      if (size > MAXIMUM_BYTES) throw invalid(name, 'is larger than 10 MiB; split it');
    }
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch (error) {
    throw error instanceof ConcordError ? error : invalid(name, unreadable(error));
  }
}

function unreadable(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EISDIR') return 'is a directory; name a file';
  if (code === 'EACCES') return 'may not be read; check its permissions';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'is not UTF-8 text';
  return error instanceof Error ? error.message : String(error);
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (text.trim() === '') throw invalid(name, 'is empty; give one order or an array of orders as JSON');
    // It repeats what stands around the fault, line breaks included.
    throw invalid(name, `is not JSON: ${(error as Error).message.replace(/\s+/g, ' ')}`);
  }
}

function invalid(field: string, fix: string): ConcordError {
  return new ConcordError('InvalidInput', { problems: [{ field, fix }] });
}
