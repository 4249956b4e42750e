import Table from 'cli-table3';
import type { ServerStage } from './stage.ts';
import type { Spread } from './statistics.ts';

/** A table; without rows, a title. */
export interface Section {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const UNKNOWN = '–';

/** The first column is a name, the others are figures. */
export function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const built = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    chars: WITHOUT_LINES,
    colAligns: (rows[0] ?? head).map((_, column) => (column === 0 ? 'left' : 'right')),
  });
  built.push(...rows.map((row) => [...row]));
  return built.toString();
}

// What cli-table3 calls the parts of its frame.
const CORNERS = 'top-left top-mid top-right left-mid mid-mid right-mid bottom-left bottom-mid bottom-right';
const FRAME = `top left mid right bottom middle ${CORNERS}`.split(' ');
const WITHOUT_LINES = Object.fromEntries(FRAME.map((part) => [part, '']));

export function sectionText({ title, head, rows }: Section): string {
  return rows.length === 0 ? title : `${title}\n${tableOf(head, rows)}`;
}

export const seconds = (milliseconds: number) => `${(milliseconds / 1_000).toFixed(1)} s`;

export function spreadText({ median, lowest, highest }: Spread, text = figure): string {
  return lowest === highest ? text(median) : `${text(median)} (${text(lowest)}–${text(highest)})`;
}

/** Three digits: such a measurement is no more exact. */
export function figure(value: number): string {
  if (value === 0 || value >= 100) return String(Math.round(value));
  return value.toFixed(value < 10 ? 2 : 1);
}

export function placeOf({ machine, servers }: Pick<ServerStage, 'machine' | 'servers'>): string {
  return `${machine} for everything; Temporal: ${servers.temporal}; MongoDB: ${servers.mongodb}`;
}

export function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

export function verdictOf(problems: readonly string[]): string {
  if (problems.length === 0) return 'passed';
  const rest = problems.length > SHOWN ? [`  … and ${problems.length - SHOWN} more`] : [];
  const shown = problems.slice(0, SHOWN).map((each) => `  ${each}`);
  return [`FAILED: ${problems.length} problems`, ...shown, ...rest].join('\n');
}

const SHOWN = 20;
