import { runProgram } from '../../../tools/measure/program.ts';
import { ServersError } from '../../../tools/servers/attempts.ts';

await runProgram(async ({ cleanUp, fail }) => {
  cleanUp(async () => console.log('ended'));
  setImmediate(fail, new ServersError('it is gone'));
  return new Promise(() => {});
});
