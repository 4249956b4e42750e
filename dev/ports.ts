import { ServersError } from './attempts.ts';

/** Starts a server again, on other ports, when another process took one between our choosing and its binding. */
export async function retryingPorts<T>(fixed: boolean, start: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start();
    } catch (error) {
      const taken = error instanceof ServersError && /address (is )?already in use/i.test(error.message);
      if (fixed || !taken || attempt === 3) throw error;
    }
  }
}
