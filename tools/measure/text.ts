import Table from 'cli-table3';

/** Rows under heads: the first column is a name, the others are figures. */
export function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const built = new Table({
    head: [...head],
    style: { head: [], border: [], compact: true },
    chars: WITHOUT_LINES,
    colAligns: head.map((_, column) => (column === 0 ? 'left' : 'right')),
  });
  built.push(...rows.map((row) => [...row]));
  return built.toString();
}

const WITHOUT_LINES = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map((place) => [place, '']),
);

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

export function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}

/** The problems, or that there are none. */
export function verdictOf(problems: readonly string[]): string {
  if (problems.length === 0) return 'passed';
  const rest = problems.length > SHOWN ? [`  … and ${problems.length - SHOWN} more`] : [];
  return [
    `FAILED: ${problems.length} problems`,
    ...problems.slice(0, SHOWN).map((each) => `  ${each}`),
    ...rest,
  ].join('\n');
}

const SHOWN = 20;
