import pMap from 'p-map';
import { expect } from 'vitest';
import type { FailureCode } from '../../domain/errors.ts';
import { sequencesOf } from './sequences.ts';

// What every participant promises (domain/participant.ts), for those whose whole memory of an order is one document.

export const steps = ['prepare', 'commit', 'rollback'] as const;
export type Step = (typeof steps)[number];

export type State = 'none' | 'prepared' | 'committed' | 'rolled back';

type Answer = 'ok' | FailureCode;

/** A participant under test. */
export interface Promising {
  /** Has it do a step of an order, always of the same content, and returns what it answers. */
  send(step: Step, orderId: string): Promise<Answer>;
  /** What it has on record of an order. */
  stateOf(orderId: string): Promise<State>;
}

/** The promise table for one order, as a table: what each step answers, and where it leads. */
const promised: Readonly<Record<State, Readonly<Record<Step, { answer: Answer; next: State }>>>> = {
  none: {
    prepare: { answer: 'ok', next: 'prepared' },
    commit: { answer: 'ProtocolViolation', next: 'none' },
    rollback: { answer: 'ok', next: 'rolled back' },
  },
  prepared: {
    prepare: { answer: 'ok', next: 'prepared' },
    commit: { answer: 'ok', next: 'committed' },
    rollback: { answer: 'ok', next: 'rolled back' },
  },
  committed: {
    prepare: { answer: 'LateArrival', next: 'committed' },
    commit: { answer: 'ok', next: 'committed' },
    rollback: { answer: 'ProtocolViolation', next: 'committed' },
  },
  'rolled back': {
    prepare: { answer: 'LateArrival', next: 'rolled back' },
    commit: { answer: 'ProtocolViolation', next: 'rolled back' },
    rollback: { answer: 'ok', next: 'rolled back' },
  },
};

/** Checks every row of the promise table, in every order of arrival. */
export async function expectEveryRow({ send, stateOf }: Promising): Promise<void> {
  const checkSequence = async (sequence: readonly Step[]) => {
    const orderId = sequence.join('.');
    let state: State = 'none';
    for (const step of sequence) {
      const row: { answer: Answer; next: State } = promised[state][step];
      expect(await send(step, orderId), `${step} when ${state}, in ${orderId}`).toBe(row.answer);
      state = row.next;
      expect(await stateOf(orderId)).toBe(state);
    }
  };
  // Each is about an order of its own.
  await pMap(sequencesOf(steps, 4), checkSequence, { concurrency: 8 });
}

/** Checks that calls which run at once settle an order once, and tell nobody otherwise. */
export async function expectOneSettlement({ send, stateOf }: Promising): Promise<void> {
  const orderIds = Array.from({ length: 100 }, (_, index) => `order-${index}`);
  await Promise.all(
    orderIds.map(async (orderId) => {
      const calls = [...steps, ...steps].map(async (step) => [step, await send(step, orderId)] as const);
      const answers = (await Promise.all(calls))
        .filter(([, answer]) => answer === 'ok')
        .map(([step]) => step);
      const settledAs = new Set(answers.filter((step) => step !== 'prepare'));
      expect(settledAs.size, `${orderId} was told ${answers}`).toBeLessThanOrEqual(1);
      const state = await stateOf(orderId);
      if (settledAs.has('commit')) expect(state).toBe('committed');
      if (settledAs.has('rollback')) expect(state).toBe('rolled back');
    }),
  );
}
