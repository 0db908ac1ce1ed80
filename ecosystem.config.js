// PM2: fork mode with a port each, never cluster mode on one port: polling clients need their own copy each time (nginx.conf).
// Start: npm run build && pm2 start ecosystem.config.js --only realtime-chat-load-balanced
import { availableParallelism } from 'node:os';

const shared = {
  script: 'dist/src/main.js',
  exec_mode: 'fork',
  increment_var: 'PORT',
  wait_ready: true,
  listen_timeout: 20_000,
  // A copy drains and closes within ten seconds; PM2 would kill it after 1.6.
  kill_timeout: 15_000,
  env: { NODE_ENV: 'production', PORT: 3001 },
};

export const apps = [
  { ...shared, name: 'realtime-chat-prod', instances: availableParallelism() },
  { ...shared, name: 'realtime-chat-load-balanced', instances: 3 },
];
