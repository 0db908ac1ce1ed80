import { ConfigError, loadConfig, type Config, type ConfigProblem } from '../../src/config/config.js';

export type Env = Record<string, string>;

export const strong = 'p3Q9vX7mZr2Lk8Tn5Wc1Yb6Hd4Gs0Jf-access';
export const otherStrong = 'h8Rt2Kx6Vn4Mq9Bz1Cw7Ls3Dy5Pf0Gj-refresh';

/** The least that production accepts without a warning. */
export const production: Env = {
  NODE_ENV: 'production',
  PUBLIC_URL: 'https://chat.example.org',
  MONGODB_URI: 'mongodb://db:27017/chat',
  REDIS_URL: 'redis://cache:6379',
  ACCESS_TOKEN_SECRET: strong,
  REFRESH_TOKEN_SECRET: otherStrong,
  DATA_ENCRYPTION_KEY: Buffer.alloc(32, 7).toString('base64'),
  SMTP_URL: 'smtp://mail.example.org',
};

export const load = (env: Env): Config => loadConfig(env, { cwd: '/srv/parley' });

export function errorOf(env: Env): ConfigError {
  try {
    load(env);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('nothing was wrong');
}

export const problemsOf = (env: Env): readonly ConfigProblem[] => errorOf(env).problems;
export const wrongIn = (env: Env): string[] => problemsOf(env).map((problem) => problem.variable);
