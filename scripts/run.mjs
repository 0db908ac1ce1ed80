// Runs a tool of dist, building when needed: node scripts/run.mjs tools/seed [arguments]
import { build, isStale } from './build.mjs';

const [tool, ...rest] = process.argv.slice(2);
if (isStale()) await build();
process.argv = [process.argv[0], tool, ...rest];
await import(`../dist/${tool}.js`);
