import type { Spread } from './result.ts';

/** Bars of one colour; nothing where there is no figure. */
export interface Series {
  readonly name: string;
  readonly colour: string;
  readonly bars: readonly (Spread | undefined)[];
}

/** Each bar is as high as the median; its whisker goes from the lowest to the highest. */
export function barsOf(
  names: readonly (string | readonly string[])[],
  series: readonly Series[],
  unit: string,
): object {
  const top = Math.max(...series.flatMap(({ bars }) => bars.map((spread) => spread?.highest ?? 0)));
  return {
    type: 'bar',
    data: {
      labels: names,
      datasets: series.map(({ name, colour, bars }) => ({
        label: name,
        backgroundColor: colour,
        data: bars.map((spread) => spread?.median ?? null),
        whiskers: bars.map((spread) => spread && [spread.lowest, spread.highest]),
      })),
    },
    options: optionsOf({ x: { grid: { display: false } } }, { text: unit, suggestedMax: top }),
  };
}

/** What all charts have in common. */
export function optionsOf(
  scales: object,
  { text, ...y }: { readonly text: string; readonly [option: string]: unknown },
): object {
  return {
    animation: false,
    maintainAspectRatio: false,
    plugins: { legend: { position: 'bottom', labels: { boxWidth: 12 } } },
    scales: { ...scales, y: { beginAtZero: true, grace: '5%', title: { display: true, text }, ...y } },
  };
}
