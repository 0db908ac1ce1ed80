import { authRows, reachRows } from './env-people.js';
import { limitRows, serverRows } from './env-server.js';
import { fileRows, storeRows } from './env-stores.js';
import type { ValuesOf } from './row.js';

/** Every variable, by the headings of `.env.example`. */
export const envGroups = {
  Server: serverRows,
  Storage: storeRows,
  'Signing in': authRows,
  'Mail, push, calls': reachRows,
  Files: fileRows,
  Limits: limitRows,
} as const;

/** One row per variable: its parser, default and one line of documentation. */
export const envTable = {
  ...serverRows,
  ...storeRows,
  ...authRows,
  ...reachRows,
  ...fileRows,
  ...limitRows,
};

export type EnvName = keyof typeof envTable;
export type EnvValues = ValuesOf<typeof envTable>;
