import { FIRST_LOOK, measureGrowth } from './measure-growth.ts';
import { renderGrowth } from './render-growth.ts';
import { runTool } from './tool.ts';

await runTool(
  {
    name: 'bench:growth',
    description: `Sees whether a SKU that every order wants gets larger or slower with the orders: after ${FIRST_LOOK}, and after all.`,
    orders: { usual: 20_000, least: FIRST_LOOK + 1 },
  },
  measureGrowth,
  renderGrowth,
);
