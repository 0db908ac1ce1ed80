// Refuses installed packages older than the versions in which known faults were mended.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const floors = {
  'socket.io-parser': '4.2.7',
  'engine.io': '6.6.9',
  ws: '8.21.1',
  multer: '2.3.0',
  'path-to-regexp': '8.4.0',
  sharp: '0.35.4',
  nodemailer: '9.0.1',
  jsonwebtoken: '9.0.3',
};

const lock = JSON.parse(
  readFileSync(fileURLToPath(new URL('../package-lock.json', import.meta.url)), 'utf8'),
);
const parts = (version) => version.split('-')[0].split('.').map(Number);
const older = (a, b) => {
  const [x, y] = [parts(a), parts(b)];
  const at = x.findIndex((n, i) => n !== y[i]);
  return at !== -1 && x[at] < y[at];
};

let low = 0;
for (const [path, { version }] of Object.entries(lock.packages)) {
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  if (floors[name] !== undefined && older(version, floors[name])) {
    console.error(`${path} is ${version}; at least ${floors[name]} is needed.`);
    low += 1;
  }
}
if (low > 0) process.exit(1);
console.log('All packages are at or above their floors.');
