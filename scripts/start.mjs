// npm start: builds when needed, then is the server (same process, so signals and exit codes are its own).
import { build, isStale } from './build.mjs';

if (isStale()) await build();
await import('../dist/src/main.js');
