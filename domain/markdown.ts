/**
 * Foreign text as Markdown that shows exactly this text, on one line: no markup, no link, no HTML, no control characters
 * and none of the marks that reverse the direction of writing.
 *
 * @param longest How many characters of it are shown, at most.
 */
export function literal(text: string, longest = 300): string {
  const line = text.replace(UNSAFE, ' ').trim();
  if (line === '') return '(nothing)';
  const short = line.length > longest ? `${line.slice(0, longest).replace(HALF_CHARACTER, '')}…` : line;
  // Inside a code span nothing means anything but a backtick.
  return `\`${short.replaceAll('`', "'")}\``;
}

const UNSAFE = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\s]+/gu;
// Where a character of two halves was cut in two.
const HALF_CHARACTER = /[\ud800-\udbff]$/;
