import type { TestProject } from 'vitest/node';
export async function setup(project: TestProject): Promise<void> {
  project.provide('mongodbUri', process.env['MONGODB_URI'] ?? '');
}
declare module 'vitest' {
  export interface ProvidedContext {
    mongodbUri: string;
  }
}
