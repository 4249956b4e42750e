import ora from 'ora';

/** A step that is under way; only its first end counts. */
export interface Step {
  done(result?: string): void;
  failed(reason: string): void;
}

export interface Report {
  step(message: string): Step;
  note(message: string): void;
}

/** A report on stderr: on a terminal with the elapsed time while steps run, on a pipe as plain lines. */
export function createReport(stream: NodeJS.WriteStream = process.stderr): Report {
  // A pseudo-terminal that was given no size says 0 columns, on which a spinner redraws without end.
  const isTerminal = stream.isTTY && stream.columns > 0;
  return isTerminal ? createTerminalReport(stream) : createLineReport((line) => stream.write(`${line}\n`));
}

/** For pipes, files and tests. */
export function createLineReport(write: (line: string) => void): Report {
  return createStepReport(write, ({ message }) => write(`${message} …`));
}

export const silentReport: Report = createLineReport(() => {});

/** One spinner for all steps that run side by side: two would overwrite each other's line. */
function createTerminalReport(stream: NodeJS.WriteStream): Report {
  const spinner = ora({ stream, discardStdin: false });
  let running: readonly Running[] = [];
  const draw = () => {
    spinner.text = running.map(({ message, began }) => `${message} … ${elapsed(began)}`).join(' | ');
  };
  const spin = (steps: readonly Running[]) => {
    running = steps;
    draw();
    if (running.length > 0) spinner.start();
  };
  setInterval(draw, 1000).unref();
  return createStepReport(
    (line) => {
      spinner.stop();
      stream.write(`${line}\n`);
      spin(running);
    },
    (step) => spin([...running, step]),
    (step) => spin(running.filter((other) => other !== step)),
  );
}

interface Running {
  readonly message: string;
  readonly began: number;
}

function createStepReport(
  print: (line: string) => void,
  begin: (step: Running) => void,
  end: (step: Running) => void = () => {},
): Report {
  return {
    note: print,
    step(message) {
      const running = { message, began: Date.now() };
      let isOpen = true;
      const endWith = (line: string) => {
        if (!isOpen) return;
        isOpen = false;
        end(running);
        print(`${line} (${elapsed(running.began)})`);
      };
      begin(running);
      return {
        done: (result = message) => endWith(result),
        failed: (reason) => endWith(`${message}: ${reason}`),
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
