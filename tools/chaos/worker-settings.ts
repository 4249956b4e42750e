import { z } from 'zod';

/** How often a fault hits an attempt of an activity, 0 to 1. */
export interface ActivityFaultRates {
  /** Its answer is lost after its write. */
  readonly answerLost: number;
  /** It begins only when its time is up and its successor runs. */
  readonly lateTry: number;
  /** The message or event that it takes comes once more, now or some seconds later. */
  readonly lateCopy: number;
  /** The event that it takes comes late, so that a newer one may come first. */
  readonly heldUp: number;
}

/** What a chaos worker takes from its environment beside a worker's own settings. */
export interface ChaosWorkerSettings {
  readonly seed: string;
  readonly rates: ActivityFaultRates;
  /** Says by how many milliseconds this worker's clock is wrong. */
  readonly clockFile: string;
  /** Gets a line of JSON for each fault. */
  readonly faultLog: string;
  /** The service's workflow code, bundled already: a worker that is killed is soon back. */
  readonly workflowBundle: string;
}

const rate = z.coerce.number().min(0).max(1);

const schema = z.object({
  CHAOS_SEED: z.string(),
  CHAOS_ANSWER_LOST: rate,
  CHAOS_LATE_TRY: rate,
  CHAOS_LATE_COPY: rate,
  CHAOS_HELD_UP: rate,
  CHAOS_CLOCK_FILE: z.string(),
  CHAOS_FAULT_LOG: z.string(),
  CHAOS_WORKFLOW_BUNDLE: z.string(),
});

/** The environment that `readChaosSettings` reads. */
export function chaosEnvironment(settings: ChaosWorkerSettings): Record<string, string> {
  return {
    CHAOS_SEED: settings.seed,
    CHAOS_ANSWER_LOST: String(settings.rates.answerLost),
    CHAOS_LATE_TRY: String(settings.rates.lateTry),
    CHAOS_LATE_COPY: String(settings.rates.lateCopy),
    CHAOS_HELD_UP: String(settings.rates.heldUp),
    CHAOS_CLOCK_FILE: settings.clockFile,
    CHAOS_FAULT_LOG: settings.faultLog,
    CHAOS_WORKFLOW_BUNDLE: settings.workflowBundle,
  };
}

export function readChaosSettings(variables: NodeJS.ProcessEnv): ChaosWorkerSettings {
  const read = schema.parse(variables);
  return {
    seed: read.CHAOS_SEED,
    rates: {
      answerLost: read.CHAOS_ANSWER_LOST,
      lateTry: read.CHAOS_LATE_TRY,
      lateCopy: read.CHAOS_LATE_COPY,
      heldUp: read.CHAOS_HELD_UP,
    },
    clockFile: read.CHAOS_CLOCK_FILE,
    faultLog: read.CHAOS_FAULT_LOG,
    workflowBundle: read.CHAOS_WORKFLOW_BUNDLE,
  };
}
