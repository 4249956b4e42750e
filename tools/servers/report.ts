import ora from 'ora';

/** A step that is under way. Ending it twice is harmless: the first end counts. */
export type Step = {
  /** Ends the step, with what came of it. */
  done(result?: string): void;
  /** Ends the step without success; the reason is one line. */
  failed(reason: string): void;
};

/** Tells a person what is going on: one line a message. */
export type Report = {
  /** Says what begins, and about how long it takes when that is long. */
  step(message: string): Step;
  /** Says something that takes no time. */
  note(message: string): void;
};

/** A report on stderr: on a terminal with the elapsed time while steps run, on a pipe as plain lines. */
export function createReport(stream: NodeJS.WriteStream = process.stderr): Report {
  // A pseudo-terminal that was given no size says 0 columns, on which a spinner redraws without end.
  const isTerminal = stream.isTTY && stream.columns > 0;
  return isTerminal ? createTerminalReport(stream) : createLineReport((line) => stream.write(`${line}\n`));
}

/** A report that hands each line to `write`: for pipes, files and tests. */
export function createLineReport(write: (line: string) => void): Report {
  return createStepReport({
    began: (message) => write(`${message} …`),
    ended: write,
    note: write,
  });
}

/** Says nothing. */
export const silentReport: Report = createLineReport(() => {});

/** One spinner for all steps that run side by side: two would overwrite each other's line. */
function createTerminalReport(stream: NodeJS.WriteStream): Report {
  const spinner = ora({ stream, discardStdin: false });
  const running = new Map<string, number>();
  let ticking: NodeJS.Timeout | undefined;

  const draw = () => {
    spinner.text = [...running].map(([message, began]) => `${message} … ${elapsed(began)}`).join(' | ');
  };
  const print = (line: string) => {
    spinner.stop();
    stream.write(`${line}\n`);
    if (running.size > 0) spinner.start();
  };

  return createStepReport({
    began(message) {
      running.set(message, Date.now());
      draw();
      spinner.start();
      ticking ??= setInterval(draw, 1000).unref();
    },
    ended(line, message) {
      running.delete(message);
      draw();
      print(line);
      if (running.size > 0) return;
      clearInterval(ticking);
      ticking = undefined;
    },
    note: print,
  });
}

type Output = {
  began(message: string): void;
  ended(line: string, message: string): void;
  note(line: string): void;
};

function createStepReport(output: Output): Report {
  return {
    note: output.note,
    step(message) {
      const began = Date.now();
      let open = true;
      const end = (line: string) => {
        if (open) output.ended(line, message);
        open = false;
      };
      output.began(message);
      return {
        done: (result) => end(`${result ?? message} (${elapsed(began)})`),
        failed: (reason) => end(`${message}: ${reason} (${elapsed(began)})`),
      };
    },
  };
}

function elapsed(began: number): string {
  const seconds = (Date.now() - began) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`;
}
