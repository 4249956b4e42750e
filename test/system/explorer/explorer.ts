import { createHash } from 'node:crypto';
import { MongoServerError } from 'mongodb';
import { vi } from 'vitest';
import {
  type Command,
  type DatabaseState,
  execute,
  readsClock,
  type StoredDocument,
  type Submit,
} from './simulated-database.ts';

// Runs real code under every schedule: whose database operation is next, when the clock advances, whose process dies, and
// which command began long before it is carried out. States are remembered, so that what was seen is not explored again.
//
// A process that dies before or after a step does no further one, so a death needs no step of its own: a state in which
// someone still has something to do is also one in which that process has died.
//
// Source of the method: Godefroid, Model Checking for Programming Languages using VeriSoft, 1997.

/** What runs at the same time as the others, by its name. It must do nothing but compute and submit commands. */
export type Actors = Readonly<Record<string, (submit: Submit) => Promise<unknown>>>;

export interface Scenario {
  readonly actors: Actors;
  /** The documents at the beginning. */
  readonly state: DatabaseState;
  /** When the clock may advance to, in milliseconds after the beginning, ascending; it need not. */
  readonly clock?: readonly number[];
  /** How many processes may die. What they have submitted may be carried out before, or never. */
  readonly deaths?: number;
  /** How many commands may begin before the clock advances, and be carried out after that. */
  readonly delays?: number;
  /** False where the database carries out what has exceeded its `maxTimeMS`, as it never should. */
  readonly keepsTimeLimits?: boolean;
  /** Changes what an actor submits: a fault that the exploration must find. */
  readonly mutation?: (command: Command) => Command;
  /** Throws where a state is wrong that any reader can see. */
  checkAlways(documents: Documents): void;
  /** Throws where a state is wrong in which every actor has ended or died. `submit` then does at once what it is told. */
  checkEnd(end: End): Promise<void>;
}

export type Documents = <Document>(collection: string) => (Document & StoredDocument)[];

export interface End {
  readonly submit: Submit;
  /** As they are after all that was submitted. */
  readonly documents: Documents;
  /** What each actor has returned, or thrown; absent where it died. */
  readonly outcomes: ReadonlyMap<string, Outcome>;
}

export type Outcome = { readonly returned: unknown } | { readonly thrown: unknown };

export interface Explored {
  readonly states: number;
  readonly ends: number;
}

/** @throws The failure of a check, with the schedule that led to it. */
export async function explore(scenario: Scenario): Promise<Explored> {
  // Announcements say when they were written. With a clock that goes on, no state would be seen again, and this never end.
  vi.useFakeTimers({ now: START, toFake: ['Date'] });
  try {
    return await exploreAll(scenario);
  } finally {
    vi.useRealTimers();
  }
}

async function exploreAll(scenario: Scenario): Promise<Explored> {
  const seen = new Set<string>();
  let ends = 0;
  const unexplored: Node[] = [rootOf(scenario)];
  for (let node = unexplored.pop(); node !== undefined; node = unexplored.pop()) {
    const world = new World(scenario);
    await world.replay(node);
    for (;;) {
      const key = world.key();
      if (seen.has(key)) break;
      seen.add(key);
      if (await reported(world.node, () => world.check())) ends += 1;
      const [first, ...others] = world.choices();
      if (first === undefined) break;
      for (const choice of others) unexplored.push({ ...world.node, pending: choice });
      await world.take(first);
    }
  }
  return { states: seen.size, ends };
}

/** Runs one schedule, the simplest: each actor to its end before the next begins. */
export async function runInTurn(state: DatabaseState, actors: Actors): Promise<DatabaseState> {
  let current = state;
  for (const run of Object.values(actors)) {
    await run(
      immediate(
        () => current,
        (next) => (current = next),
        START,
      ),
    );
  }
  return current;
}

const START = Date.parse('2026-01-01T00:00:00.000Z');

/** A command to carry out; or that the clock advances, perhaps while a command has begun. By the commands' numbers. */
type Choice = { readonly carryOut: number } | { readonly advancePast: number | undefined };

/** A way to a state, as a list from its end to the beginning. */
interface Node {
  readonly before?: Node;
  readonly choice?: Choice;
  /** What the command of the choice answered. */
  readonly answer?: Answer;
  readonly description?: string;
  readonly state: DatabaseState;
  /** Not taken yet. */
  readonly pending?: Choice;
}

type Answer = { readonly result?: unknown; readonly error?: Error };

interface Submitted {
  readonly actor: string;
  readonly command: Command;
  /** The actor and the command, for comparing. */
  readonly text: string;
  readonly answer: (answer: Answer) => void;
  beganAt?: number;
}

function rootOf({ state }: Scenario): Node {
  return { state };
}

class World {
  node: Node;
  private readonly scenario: Scenario;
  /** By number, in the order in which they were submitted. */
  private readonly submitted = new Map<number, Submitted>();
  private readonly histories = new Map<string, string>();
  private readonly outcomes = new Map<string, Outcome>();
  private count = 0;
  private clock = 0;
  private delays: number;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
    this.node = rootOf(scenario);
    this.delays = scenario.delays ?? 0;
  }

  /** Does again what led to a node; what its commands answered is known. */
  async replay(target: Node): Promise<void> {
    for (const [name, run] of Object.entries(this.scenario.actors)) this.start(name, run);
    await settled();
    const way: Node[] = [];
    for (let node: Node | undefined = target; node?.choice !== undefined; node = node.before) way.push(node);
    for (const node of way.reverse()) {
      this.node = node;
      await this.apply(node.choice as Choice, node.answer);
    }
    if (target.pending !== undefined) await this.take(target.pending);
  }

  async take(choice: Choice): Promise<void> {
    const description = this.describe(choice);
    const answer = 'carryOut' in choice ? this.execute(choice.carryOut) : undefined;
    const before = this.node;
    const { state = before.state, ...answered } = answer ?? {};
    this.node = { before, choice, answer: answered, description, state };
    await this.apply(choice, answered);
  }

  choices(): Choice[] {
    const commands = [...this.submitted.keys()].map((carryOut) => ({ carryOut }));
    if (this.clock >= (this.scenario.clock ?? []).length || this.submitted.size === 0) return commands;
    const begun = [...this.submitted]
      .filter(([, { command, beganAt }]) => this.delays > 0 && beganAt === undefined && readsClock(command))
      .map(([advancePast]) => ({ advancePast }));
    return [...commands, ...begun, { advancePast: undefined }];
  }

  /** Two worlds of one key have the same future. */
  key(): string {
    const { clock, delays } = this;
    const documents = [...this.node.state].map(([key, document]) => key + textOf(document)).sort();
    const pending = [...this.submitted.values()].map(({ text, beganAt = '' }) => text + beganAt).sort();
    const histories = [...this.histories].map(([actor, history]) => actor + history);
    const parts = [clock, delays, ...documents, '', ...histories, '', ...pending];
    return createHash('sha1').update(parts.join('\n')).digest('base64');
  }

  /** Returns true where every actor has ended, or may have died. */
  async check(): Promise<boolean> {
    this.scenario.checkAlways(documentsOf(() => this.node.state));
    const unfinished = Object.keys(this.scenario.actors).filter((name) => !this.outcomes.has(name));
    if (unfinished.length > (this.scenario.deaths ?? 0)) return false;
    let { state } = this.node;
    // Long after: whatever had a time limit is past it.
    const submit = immediate(
      () => state,
      (next) => (state = next),
      START + LONG_AFTER,
    );
    await this.scenario.checkEnd({ submit, documents: documentsOf(() => state), outcomes: this.outcomes });
    this.scenario.checkAlways(documentsOf(() => state));
    return true;
  }

  private start(name: string, run: Actors[string]): void {
    this.histories.set(name, '');
    const submit: Submit = (given) =>
      new Promise((resolve, reject) => {
        const command = this.scenario.mutation?.(given) ?? given;
        const answer = ({ result, error }: Answer) =>
          error === undefined ? resolve(structuredClone(result)) : reject(error);
        this.submitted.set(this.count, {
          actor: name,
          command,
          text: JSON.stringify([name, command]),
          answer,
        });
        this.count += 1;
      });
    run(submit).then(
      (returned) => this.outcomes.set(name, { returned }),
      (thrown) => this.outcomes.set(name, { thrown }),
    );
  }

  private execute(number: number): Answer & { state: DatabaseState } {
    const { command, beganAt = this.now() } = this.submittedOf(number);
    const { maxTimeMS = Number.POSITIVE_INFINITY } = (command.args[2] ?? {}) as { maxTimeMS?: number };
    if (this.now() - beganAt > maxTimeMS && this.scenario.keepsTimeLimits !== false) {
      const error = new MongoServerError({ code: 50, message: 'operation exceeded time limit' });
      return { state: this.node.state, error };
    }
    return execute(this.node.state, command, new Date(beganAt));
  }

  private async apply(choice: Choice, answer: Answer | undefined): Promise<void> {
    if ('advancePast' in choice) {
      if (choice.advancePast !== undefined) {
        this.delays -= 1;
        this.submittedOf(choice.advancePast).beganAt = this.now();
      }
      this.clock += 1;
      return;
    }
    const submitted = this.submittedOf(choice.carryOut);
    this.submitted.delete(choice.carryOut);
    this.remember(submitted, answer ?? {});
    submitted.answer(answer ?? {});
    await settled();
  }

  private remember({ actor, text }: Submitted, { result, error }: Answer): void {
    const entry = `${this.histories.get(actor)}${text}${JSON.stringify([result, error?.message])}`;
    this.histories.set(actor, createHash('sha1').update(entry).digest('base64'));
  }

  private submittedOf(number: number): Submitted {
    const found = this.submitted.get(number);
    if (found === undefined)
      throw new Error('this code does not do the same each time, so it can’t be explored');
    return found;
  }

  private now(): number {
    return START + (this.scenario.clock?.[this.clock - 1] ?? 0);
  }

  private describe(choice: Choice): string {
    const text = (number: number) => {
      const { actor, command } = this.submittedOf(number);
      return `${actor}: ${command.collection}.${command.name} ${JSON.stringify(command.args)}`;
    };
    if ('carryOut' in choice) return text(choice.carryOut);
    const begun =
      choice.advancePast === undefined ? '' : `, after the beginning of: ${text(choice.advancePast)}`;
    return `the clock advances to ${this.scenario.clock?.[this.clock]} ms${begun}`;
  }
}

/** Documents are never changed, so each is written down once. */
function textOf(document: StoredDocument): string {
  const known = texts.get(document);
  if (known !== undefined) return known;
  const text = JSON.stringify(document);
  texts.set(document, text);
  return text;
}

const texts = new WeakMap<StoredDocument, string>();

const LONG_AFTER = 24 * 60 * 60_000;

function documentsOf(state: () => DatabaseState): Documents {
  return (collection) =>
    [...state()]
      .filter(([key]) => key.startsWith(`${collection}/`))
      .map(([, document]) => document) as never[];
}

function immediate(read: () => DatabaseState, write: (state: DatabaseState) => void, now: number): Submit {
  return async (command) => {
    const { state, result, error } = execute(read(), command, new Date(now));
    if (error !== undefined) throw error;
    write(state);
    return result;
  };
}

/** Until everybody waits for an answer, or has ended. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function reported<Result>(node: Node, check: () => Promise<Result>): Promise<Result> {
  try {
    return await check();
  } catch (error) {
    const steps: string[] = [];
    for (let at: Node | undefined = node; at?.description !== undefined; at = at.before)
      steps.unshift(at.description);
    const message = error instanceof Error ? error.message : String(error);
    throw new Error(`${message}\nafter:\n${steps.map((step, index) => `${index + 1}. ${step}`).join('\n')}`, {
      cause: error,
    });
  }
}
