import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { DatabaseKind } from '../../src/platform/mongo/database.js';

type Report = { open?: { uri: string; kind: DatabaseKind; description: string }; failed?: string };

export type DatabaseApp = Readonly<{
  process: ChildProcess;
  /** What it has said about its database. */
  report: Report;
  /** Sends the signal and waits until it has ended. */
  end(signal?: NodeJS.Signals): Promise<void>;
}>;

/** Starts tests/support/database-app.ts in a process of its own and waits for its report. */
export async function startDatabaseApp(
  options: { dataDir: string; path?: string; cacheDir?: string; aptDir?: string },
  env: NodeJS.ProcessEnv = {},
): Promise<DatabaseApp> {
  const script = fileURLToPath(new URL('./database-app.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, JSON.stringify(options)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, 'line'), exited]);
  const text: unknown = first[0];
  if (typeof text !== 'string') throw new Error(`The app ended before it reported (${String(text)}).`);
  return {
    process: child,
    report: JSON.parse(text) as Report,
    end: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await exited;
    },
  };
}
