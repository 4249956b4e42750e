import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

// npm hands a signal to the shell that it runs a script in, which ends without passing it on; of a SIGKILL nobody hears.
// So a script that would stay looks whether both are still there. Without npm nobody is missed: `nohup node …` goes on.

const script = process.env.npm_lifecycle_script;
// Known at once: an install in a fresh clone takes a minute, in which they may be gone already.
const { ppid } = process;
// Debian's shell stays between npm and us; those of other systems become what they run, and our parent is npm itself.
const isShell = script !== undefined && processFile(ppid, 'cmdline').replaceAll('\0', ' ').includes(script);
const npm = isShell ? parentOf(ppid) : undefined;
// Its variables reach further processes, too, of which it is not the parent.
const isNpmsOwn = script?.split(' ').some((word) => resolve(word) === process.argv[1]);
// If it is gone by now, we have another parent, which is there for ever. What npm runs is of npm's own process group.
const isAdopted = process.platform === 'linux' ? groupOf(npm ?? ppid) !== groupOf('self') : ppid === 1;
if (isNpmsOwn && isAdopted) process.exit(1);

/** Calls `end` once when npm, which runs this script, or its shell is gone. @param {() => void} end */
export function whenNpmIsGone(end) {
  if (script === undefined) return;
  const timer = setInterval(() => {
    if (process.ppid === ppid && (npm === undefined || parentOf(ppid) === npm)) return;
    clearInterval(timer);
    end();
  }, 500);
  timer.unref();
}

/** @param {number} pid */
function parentOf(pid) {
  return /^PPid:\s*(\d+)$/m.exec(processFile(pid, 'status'))?.[1];
}

/** @param {number | string} pid */
function groupOf(pid) {
  return /\) \S \d+ (\d+)/.exec(processFile(pid, 'stat'))?.[1];
}

/** Empty if the process is gone, and on systems that have no such files. @param {number | string} pid @param {string} name */
function processFile(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
