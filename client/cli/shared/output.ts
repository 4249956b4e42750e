import { stripVTControlCharacters } from 'node:util';
import picocolors from 'picocolors';

/** One result in each form that it can be printed in. */
export interface Result {
  /** What `--json` prints. */
  readonly document: unknown;
  /** What a pipe gets: one line for each row, its cells separated by tabs. Made safe here. */
  readonly rows: readonly (readonly (string | number)[])[];
  /** What a terminal gets. Whoever builds it makes foreign text {@link safe}. */
  readonly terminal: () => string | Promise<string>;
}

/** Where a command prints: results on standard output, progress and errors on standard error. */
export class Output {
  readonly json: boolean;
  readonly verbose: boolean;
  /** For standard output. */
  readonly colors: Colors;
  /** For standard error, which may be a terminal where standard output is none. */
  readonly errorColors: Colors;
  /** True where standard output is a terminal that wants more than plain lines. */
  readonly isTerminal: boolean;

  constructor({ json, verbose }: { json: boolean; verbose: boolean }) {
    this.json = json;
    this.verbose = verbose;
    this.isTerminal = process.stdout.isTTY === true && !json;
    this.colors = colorsOf(process.stdout);
    this.errorColors = colorsOf(process.stderr);
    survivePartingReaders();
  }

  /** True once the reader of standard output is gone (`| head`). */
  get isClosed(): boolean {
    return isReaderGone === true;
  }

  /** Prints a result. */
  async print({ document, rows, terminal }: Result): Promise<void> {
    if (this.json) this.write(JSON.stringify(document, null, process.stdout.isTTY ? 2 : undefined));
    else if (this.isTerminal) this.write(await terminal());
    else for (const row of rows) this.printRow(row);
  }

  /** Prints a JSON document as one line of many. */
  printLine(document: unknown): void {
    this.write(JSON.stringify(document));
  }

  /** Prints a line for a terminal. Whoever builds it makes foreign text {@link safe}. */
  printText(text: string): void {
    this.write(text);
  }

  /** Prints a line for a pipe. Made safe here. */
  printRow(row: Result['rows'][number]): void {
    this.write(row.map((cell) => safe(String(cell))).join('\t'));
  }

  /** Prints an error, safe already, on standard error. */
  complain(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Says something on standard error that is no result; with `--json` nothing, so that what is there stays JSON. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${safe(text)}\n`);
  }

  /** Shows what a command waits for: a spinner on a terminal, plain lines elsewhere, nothing with `--json`. */
  async progress(text: string): Promise<Progress> {
    const isAnimated = process.stderr.isTTY === true && process.env.TERM !== 'dumb' && !process.env.CI;
    if (isAnimated) return spinner(text);
    return this.json ? SILENT : plainProgress((line) => this.note(line));
  }

  /** Shows that something is under way, where that can be removed again. */
  async during<Value>(text: string, work: Promise<Value>): Promise<Value> {
    work.catch(() => {}); // reported below, once the progress is there
    const progress = await this.progress(text);
    return work.finally(() => progress.stop());
  }

  private write(text: string): void {
    if (!this.isClosed) process.stdout.write(`${text}\n`);
  }
}

let isReaderGone: boolean | undefined;

/** A reader that has left is no error: what was asked is still done, and the exit code still tells. */
function survivePartingReaders(): void {
  if (isReaderGone !== undefined) return;
  isReaderGone = false;
  process.stdout.on('error', () => {
    isReaderGone = true;
  });
  process.stderr.on('error', () => {});
}

/** What a command shows of its progress. */
export interface Progress {
  /** How far it is: only where it can be redrawn. */
  update(text: string): void;
  /** Something to know about; elsewhere than on a terminal a line, once. */
  report(text: string): void;
  /** Removes what was drawn. */
  stop(): void;
}

type Colors = ReturnType<typeof picocolors.createColors>;

/**
 * Text from a user or a server as one harmless line: without escape sequences, control characters and the marks that
 * reverse the direction of writing.
 */
export function safe(text: string): string {
  return text.replace(ESCAPE_SEQUENCES, '').replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, ' ');
}

// Node's own `stripVTControlCharacters` takes text away with some sequences, and is for what we coloured ourselves.
const ESCAPE_SEQUENCES = new RegExp(`${String.fromCharCode(27)}\\[[0-?]*[ -/]*[@-~]`, 'g');

/** `text` in at most `width` characters. */
export function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(width - 1, 0))}…`;
}

/** A table for a terminal. Columns of numbers are aligned to the right; the last column is cut where lines would wrap. */
export async function table(
  heads: readonly string[],
  rows: readonly (readonly (string | number)[])[],
  colors: Colors,
): Promise<string> {
  const { default: Table } = await import('cli-table3');
  const cells = cutLastColumn([heads, ...rows.map((row) => row.map(String))]);
  const isNumber = (column: number) => rows.every((row) => typeof row[column] === 'number');
  const drawn = new Table({
    head: heads.map((head) => colors.dim(head)),
    colAligns: heads.map((_, column) => (isNumber(column) ? 'right' : 'left')),
    chars: WITHOUT_LINES,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  drawn.push(...cells.slice(1).map((row) => [...row]));
  return drawn.toString().replace(/ +$/gm, '');
}

const GAP = '  ';
const WITHOUT_LINES = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ mid: '', 'mid-mid': '', 'left-mid': '', 'right-mid': '' },
  ...{ left: '', right: '', middle: GAP },
};

const NARROWEST = 16;

function cutLastColumn(rows: readonly (readonly string[])[]): (readonly string[])[] {
  const [heads = []] = rows;
  const widths = heads.map((_, column) =>
    Math.max(...rows.map((row) => stripVTControlCharacters(row[column] ?? '').length)),
  );
  const others = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP.length, 0);
  const left = Math.max((process.stdout.columns ?? 80) - others, NARROWEST);
  return rows.map((row) => [...row.slice(0, -1), shortened(row.at(-1) ?? '', left)]);
}

/** Names and values, one a line, the values aligned. */
export function fields(entries: readonly (readonly [name: string, value: string])[], colors: Colors): string {
  const width = Math.max(...entries.map(([name]) => name.length));
  return entries.map(([name, value]) => `${colors.dim(name.padEnd(width))}  ${value}`).join('\n');
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
  return {
    update() {},
    report(text) {
      if (text !== last) print(text);
      last = text;
    },
    stop() {},
  };
}

const SILENT: Progress = { update() {}, report() {}, stop() {} };
