/** Foreign text as Markdown that shows it as it is, on one line: no markup, link or HTML, no control characters. */
export function literal(text: string, longest = 300): string {
  const line = text.replace(UNSAFE, ' ').trim();
  if (line === '') return '(nothing)';
  const short = line.length > longest ? `${line.slice(0, longest).replace(HALF_CHARACTER, '')}…` : line;
  // In a code span only a backtick is markup.
  return `\`${short.replaceAll('`', "'")}\``;
}

const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\s]+/gu;
// What is left of a surrogate pair that was cut in two.
const HALF_CHARACTER = /[\ud800-\udbff]$/;
