import { stripVTControlCharacters } from 'node:util';
import picocolors from 'picocolors';

/** One result in each form that it can be printed in: for `--json`, for a pipe, for a terminal. */
interface Result {
  readonly document: unknown;
  readonly rows: readonly Row[];
  /** Whoever builds it makes foreign text {@link safe}; rows are made safe as they are printed. */
  readonly terminal: () => string | Promise<string>;
}

/** How items of one kind are printed: as rows, or as a table. */
export interface ItemFormat<Item> {
  readonly row: (item: Item) => Row;
  readonly heads: readonly string[];
  /** The item's line in the table, foreign text made {@link safe}. */
  readonly cells: (item: Item, colors: Colors) => Row;
  /** What a terminal gets if there are none. */
  readonly none: string;
}

type Row = readonly (string | number)[];

/** Where a command prints: results on standard output, progress and errors on standard error. */
export class Output {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly colors = colorsOf(process.stdout);
  /** For standard error, which may be a terminal when standard output is none. */
  readonly errorColors = colorsOf(process.stderr);
  /** True if standard output is a terminal that wants more than plain lines. */
  readonly isTerminal: boolean;

  constructor({ json, verbose }: { json: boolean; verbose: boolean }) {
    this.json = json;
    this.verbose = verbose;
    this.isTerminal = process.stdout.isTTY === true && !json;
  }

  /** True once the reader of standard output is gone (`| head`). */
  get isClosed(): boolean {
    return isReaderGone;
  }

  async print({ document, rows, terminal }: Result): Promise<void> {
    if (this.json) this.printText(JSON.stringify(document, null, process.stdout.isTTY ? 2 : undefined));
    else if (this.isTerminal) this.printText(await terminal());
    else for (const row of rows) this.printRow(row);
  }

  /** Prints items of one kind; with `--json`, the document. */
  async printItems<Item>(items: readonly Item[], format: ItemFormat<Item>, document: unknown = items) {
    const { row, heads, cells, none } = format;
    const terminal = () => {
      const lines = items.map((item) => cells(item, this.colors));
      return lines.length === 0 ? none : table(heads, lines, this.colors);
    };
    await this.print({ document, rows: items.map(row), terminal });
  }

  /** Prints items as they come, until there are no more or nobody reads on. Returns the last one. */
  async printEach<Item>(items: AsyncIterable<Item>, row: (item: Item) => Row, show: (item: Item) => void) {
    let last: Item | undefined;
    for await (const item of items) {
      last = item;
      if (this.json) this.printText(JSON.stringify(item));
      else if (this.isTerminal) show(item);
      else this.printRow(row(item));
      if (this.isClosed) break;
    }
    return last;
  }

  /** Prints a line. Whoever builds it makes foreign text {@link safe}. */
  printText(text: string): void {
    if (!this.isClosed) process.stdout.write(`${text}\n`);
  }

  printRow(row: Row): void {
    this.printText(row.map((cell) => safe(String(cell))).join('\t'));
  }

  /** Prints an error, safe already, on standard error. */
  complain(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Prints on standard error what is no result; with `--json` nothing, so that what is there stays JSON. */
  note(text: string): void {
    if (!this.json) this.complain(safe(text));
  }

  /** Shows what a command waits for: a spinner on a terminal, plain lines elsewhere, nothing with `--json`. */
  async progress(text: string): Promise<Progress> {
    const isAnimated = process.stderr.isTTY === true && process.env.TERM !== 'dumb' && !process.env.CI;
    return isAnimated ? spinner(text) : plainProgress((line) => this.note(line));
  }

  /** Shows that some work is under way, until it is done. */
  async during<Value>(text: string, work: Promise<Value>): Promise<Value> {
    work.catch(() => {}); // reported below, once the progress is there
    const progress = await this.progress(text);
    return work.finally(() => progress.stop());
  }
}

// A reader that leaves is no error: what was asked is still done, and the exit code still tells.
let isReaderGone = false;
process.stdout.on('error', () => {
  isReaderGone = true;
});
process.stderr.on('error', () => {});

export interface Progress {
  /** Redraws how far it is; does nothing on what can't be redrawn. */
  update(text: string): void;
  /** Tells something to know; on what can't be redrawn by a line, once. */
  report(text: string): void;
  stop(): void;
}

type Colors = ReturnType<typeof picocolors.createColors>;

/** Makes foreign text one harmless line: no escape sequences, control characters and marks of the writing's direction. */
export function safe(text: string): string {
  return text.replace(ESCAPE_SEQUENCES, '').replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}

// Node's own `stripVTControlCharacters` removes text with some sequences; it is for what we coloured ourselves.
const ESCAPE_SEQUENCES = new RegExp(`${String.fromCharCode(27)}\\[[0-?]*[ -/]*[@-~]`, 'g');

export function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(width - 1, 0))}…`;
}

/** Draws a table. Columns of numbers are aligned to the right; the last column is cut so that no line wraps. */
async function table(heads: readonly string[], rows: readonly Row[], colors: Colors): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const [, ...cells] = cutLastColumn([heads, ...rows.map((row) => row.map(String))]);
  const isNumber = (column: number) => rows.every((row) => typeof row[column] === 'number');
  const drawn = new Table({
    head: heads.map((head) => colors.dim(head)),
    colAligns: heads.map((_, column) => (isNumber(column) ? 'right' : 'left')),
    chars: WITHOUT_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...cells);
  return drawn.toString().replace(/ +$/gm, '');
}

const GAP = '  ';
// What cli-table3 calls the parts of its frame.
const CORNERS = 'top-left top-mid top-right left-mid mid-mid right-mid bottom-left bottom-mid bottom-right';
const FRAME = `top left mid right bottom ${CORNERS}`.split(' ').map((part) => [part, '']);
const WITHOUT_LINES = { ...Object.fromEntries(FRAME), middle: GAP };

function cutLastColumn(rows: readonly (readonly string[])[]): string[][] {
  const widthsOf = (column: number) => rows.map((row) => stripVTControlCharacters(row[column] ?? '').length);
  const [heads = []] = rows;
  let left = process.stdout.columns ?? 80;
  for (const column of heads.slice(0, -1).keys()) left -= Math.max(...widthsOf(column)) + GAP.length;
  left = Math.max(left, 16); // narrower says nothing
  return rows.map((row) => [...row.slice(0, -1), shortened(row.at(-1) ?? '', left)]);
}

/** Draws names and values, one a line, the values aligned; leaves out those without a value. */
export function fields(colors: Colors, entries: readonly (readonly [string, string | undefined])[]): string {
  const shown = entries.filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${colors.dim(name.padEnd(width))}  ${value}`).join('\n');
}

function colorsOf(stream: NodeJS.WriteStream): Colors {
  const { NO_COLOR, TERM } = process.env;
  return picocolors.createColors(stream.isTTY === true && !NO_COLOR && TERM !== 'dumb');
}

async function spinner(text: string): Promise<Progress> {
  const { default: ora } = await import('ora');
  // Standard input stays as it is: in raw mode, Ctrl-C would reach us late.
  const drawn = ora({ text, discardStdin: false, color: process.env.NO_COLOR ? false : 'cyan' }).start();
  const show = (next: string) => {
    drawn.text = next;
  };
  return { update: show, report: show, stop: () => drawn.stop() };
}

function plainProgress(print: (line: string) => void): Progress {
  let last: string | undefined;
  const report = (text: string) => {
    if (text !== last) print(text);
    last = text;
  };
  return { update() {}, report, stop() {} };
}
