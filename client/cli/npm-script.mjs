import { readFileSync } from 'node:fs';

// npm hands a signal to the shell that it runs a script in, which ends without passing it on; of a SIGKILL nobody hears.
// So a script that would stay looks whether both are still there. Without npm nobody is missed: `nohup node …` goes on.

const script = process.env.npm_lifecycle_script;
// Known at once: an install in a fresh clone takes a minute, in which they may be gone already.
const { ppid } = process;
// Debian's shell stays between npm and us; those of other systems become what they run.
const npm = process.platform === 'linux' && isShell() ? parentOf(ppid) : undefined;

/**
 * Calls `end` once when npm, which runs this script, or its shell is gone.
 *
 * @param {() => void} end
 */
export function whenNpmIsGone(end) {
  if (script === undefined) return;
  const timer = setInterval(() => {
    if (process.ppid === ppid && (npm === undefined || parentOf(ppid) === npm)) return;
    clearInterval(timer);
    end();
  }, 500);
  timer.unref();
}

/** Whether our parent is the shell that npm runs scripts in; it may as well be npm itself. */
function isShell() {
  try {
    const command = readFileSync(`/proc/${ppid}/cmdline`, 'utf8').replaceAll('\0', ' ');
    return script !== undefined && command.includes(script);
  } catch {
    return false; // gone already
  }
}

/** @param {number} pid */
function parentOf(pid) {
  try {
    return /^PPid:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  } catch {
    return undefined;
  }
}
