// Compiles src and tools to dist. `--if-needed`: only when a source is newer than the last build.
import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const stamp = join(root, 'dist', '.built');
const sources = ['src', 'tools', 'package-lock.json', 'scripts/build.mjs'];

function* filesUnder(path) {
  if (!existsSync(path)) return;
  if (!statSync(path).isDirectory()) {
    yield path;
    return;
  }
  for (const entry of readdirSync(path)) yield* filesUnder(join(path, entry));
}

export function isStale() {
  if (!existsSync(stamp)) return true;
  const built = statSync(stamp).mtimeMs;
  for (const source of sources)
    for (const file of filesUnder(join(root, source))) if (statSync(file).mtimeMs > built) return true;
  return false;
}

/** Types are not checked here (`npm run typecheck` does): a newcomer's first start must not wait for it. */
export async function build() {
  const started = Date.now();
  const { transform } = await import('@swc/core').catch(() => {
    console.error(
      'Parley is not built, and its compiler is not installed.\nFix: npm ci --include=dev && npm run build',
    );
    process.exit(1);
  });
  // Apart, then put in place: several processes may start, and build, at once.
  const apart = join(root, `.dist-${process.pid}`);
  for (const source of ['src', 'tools']) {
    await Promise.all([...filesUnder(join(root, source))].map((file) => carry(transform, file, apart)));
  }
  writeFileSync(join(apart, '.built'), '');
  putInPlace(apart);
  // Not on stdout: that is the tool's whose build this is.
  console.error(`Built in ${((Date.now() - started) / 1000).toFixed(1)} s.`);
}

function putInPlace(apart) {
  const old = `${apart}-old`;
  try {
    renameSync(join(root, 'dist'), old);
  } catch (error) {
    // There was none, or another process has just moved it away.
    if (error.code !== 'ENOENT') throw error;
  }
  try {
    renameSync(apart, join(root, 'dist'));
  } catch (error) {
    // Another process was faster; its build is as good as ours.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    rmSync(apart, { recursive: true, force: true });
  }
  rmSync(old, { recursive: true, force: true });
}

/** One file to its place in the build: TypeScript compiled, anything else (programs that run as they are, sample data) copied. */
async function carry(transform, file, folder) {
  const target = join(folder, relative(root, file)).replace(/\.ts$/, '.js');
  mkdirSync(dirname(target), { recursive: true });
  if (!file.endsWith('.ts')) {
    cpSync(file, target);
    return;
  }
  const { code, map } = await transform(readFileSync(file, 'utf8'), {
    filename: file,
    sourceFileName: relative(dirname(target), file),
    sourceMaps: true,
    swcrc: false,
    jsc: { target: 'es2023', parser: { syntax: 'typescript' } },
    module: { type: 'es6' },
  });
  writeFileSync(target, `${code}\n//# sourceMappingURL=${basename(target)}.map\n`);
  writeFileSync(`${target}.map`, map);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!process.argv.includes('--if-needed') || isStale()) await build();
}
