import { measureLoad } from './measure-load.ts';
import { renderLoad } from './render-load.ts';
import { runTool } from './tool.ts';

await runTool(
  {
    name: 'bench:load',
    description:
      'Starts many orders at once, and sees that all of them finish and that the workers stay small.',
    orders: { usual: 5_000, least: 1 },
  },
  measureLoad,
  renderLoad,
);
