/** The oldest server that the tests have passed with; older ones may do. */
export const TESTED_FROM = '1.29.1';

export function describeServer(version: string): string {
  const isOlder = version.localeCompare(TESTED_FROM, 'en', { numeric: true }) < 0;
  return `server ${version} (${isOlder ? 'untested: ' : ''}Concord is tested from ${TESTED_FROM} on)`;
}
