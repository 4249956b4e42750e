import { z } from 'zod';

/** What a chaos worker takes from its environment beside a worker's own settings. */
export interface ChaosWorkerSettings {
  readonly seed: string;
  /** How often an activity's answer is lost after its write, 0 to 1. */
  readonly answerLost: number;
  /** How often an activity begins only when its time is up and its successor runs, 0 to 1. */
  readonly lateTry: number;
  /** Says by how many milliseconds this worker's clock is wrong. */
  readonly clockFile: string;
  /** Gets a line of JSON for each fault. */
  readonly faultLog: string;
  /** The service's workflow code, bundled already: a worker that is killed is soon back. */
  readonly workflowBundle: string;
}

const schema = z.object({
  CHAOS_SEED: z.string(),
  CHAOS_ANSWER_LOST: z.coerce.number().min(0).max(1),
  CHAOS_LATE_TRY: z.coerce.number().min(0).max(1),
  CHAOS_CLOCK_FILE: z.string(),
  CHAOS_FAULT_LOG: z.string(),
  CHAOS_WORKFLOW_BUNDLE: z.string(),
});

/** The environment that `readChaosSettings` reads. */
export function chaosEnvironment(settings: ChaosWorkerSettings): Record<string, string> {
  return {
    CHAOS_SEED: settings.seed,
    CHAOS_ANSWER_LOST: String(settings.answerLost),
    CHAOS_LATE_TRY: String(settings.lateTry),
    CHAOS_CLOCK_FILE: settings.clockFile,
    CHAOS_FAULT_LOG: settings.faultLog,
    CHAOS_WORKFLOW_BUNDLE: settings.workflowBundle,
  };
}

export function readChaosSettings(variables: NodeJS.ProcessEnv): ChaosWorkerSettings {
  const read = schema.parse(variables);
  return {
    seed: read.CHAOS_SEED,
    answerLost: read.CHAOS_ANSWER_LOST,
    lateTry: read.CHAOS_LATE_TRY,
    clockFile: read.CHAOS_CLOCK_FILE,
    faultLog: read.CHAOS_FAULT_LOG,
    workflowBundle: read.CHAOS_WORKFLOW_BUNDLE,
  };
}
