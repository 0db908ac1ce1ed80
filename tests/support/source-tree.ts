import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** One `import … from`, `export … from` or `import(…)`. */
export type Import = {
  /** As written, such as `./message.log.js` or `express`. */
  specifier: string;
  /** The file of ours that it means, such as `src/services/message.log.ts`; null for a package. */
  file: string | null;
  /** The package that it means, without the path inside it; null for a file of ours and for Node's own modules. */
  package: string | null;
  /** It vanishes when types are taken away. */
  typeOnly: boolean;
};

export type SourceFile = { path: string; lines: number; imports: Import[]; readsEnvironment: boolean };

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every source file below `folder` (such as `src`) with what it imports, by paths from the repository's root. */
export function readSourceTree(folder: string): SourceFile[] {
  const entries = readdirSync(join(root, folder), { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && /\.(ts|mts|mjs|js)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
  const known = new Set(paths);
  return paths.map((path) => parse(path, known));
}

function parse(path: string, known: ReadonlySet<string>): SourceFile {
  const text = readFileSync(join(root, path), 'utf8');
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const imports: Import[] = [];
  let readsEnvironment = false;

  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
      const from = node.moduleSpecifier;
      if (from !== undefined && ts.isStringLiteral(from)) {
        imports.push(meaning(path, known, { specifier: from.text, typeOnly: isTypeOnly(node) }));
        if (/^(node:)?process$/.test(from.text) && namesOf(node).includes('env')) readsEnvironment = true;
      }
    } else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [from] = node.arguments;
      if (from !== undefined && ts.isStringLiteral(from))
        imports.push(meaning(path, known, { specifier: from.text, typeOnly: false }));
    } else if (isEnvironment(node)) {
      readsEnvironment = true;
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return { path, lines: text.trimEnd().split('\n').length, imports, readsEnvironment };
}

/** `import type { … }`, `import { type A, type B }` and the same of `export`. */
function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  if (clause.name !== undefined || bindings === undefined || !ts.isNamedImports(bindings)) return false;
  return bindings.elements.length > 0 && bindings.elements.every((element) => element.isTypeOnly);
}

function namesOf(node: ts.ImportDeclaration | ts.ExportDeclaration): string[] {
  if (!ts.isImportDeclaration(node)) return [];
  const bindings = node.importClause?.namedBindings;
  if (bindings === undefined || !ts.isNamedImports(bindings)) return [];
  return bindings.elements.map((element) => (element.propertyName ?? element.name).text);
}

/** `process.env`, `process['env']` and `const { env } = process`. */
function isEnvironment(node: ts.Node): boolean {
  const isProcess = (it: ts.Node): boolean => ts.isIdentifier(it) && it.text === 'process';
  if (ts.isPropertyAccessExpression(node)) return isProcess(node.expression) && node.name.text === 'env';
  if (ts.isElementAccessExpression(node)) {
    return (
      isProcess(node.expression) &&
      ts.isStringLiteral(node.argumentExpression) &&
      node.argumentExpression.text === 'env'
    );
  }
  if (!ts.isVariableDeclaration(node) || node.initializer === undefined) return false;
  if (!isProcess(node.initializer) || !ts.isObjectBindingPattern(node.name)) return false;
  return node.name.elements.some((element) => (element.propertyName ?? element.name).getText() === 'env');
}

function meaning(
  path: string,
  known: ReadonlySet<string>,
  { specifier, typeOnly }: Pick<Import, 'specifier' | 'typeOnly'>,
): Import {
  if (!specifier.startsWith('.')) {
    const parts = specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1);
    const ofNode = specifier.startsWith('node:');
    return { specifier, typeOnly, file: null, package: ofNode ? null : parts.join('/') };
  }
  const target = posix.join(dirname(path), specifier);
  const candidates = [target, target.replace(/\.js$/, '.ts'), target.replace(/\.mjs$/, '.mts')];
  const file = candidates.find((candidate) => known.has(candidate)) ?? target;
  return { specifier, typeOnly, file, package: null };
}

/** Each way along which a file comes to import itself, as the list of its files; at most one for each file. */
export function findCycles(files: readonly SourceFile[], follow: (one: Import) => boolean): string[][] {
  const targets = new Map(
    files.map(({ path, imports }) => [
      path,
      imports.filter(follow).flatMap(({ file }) => (file === null ? [] : [file])),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[][] = [];
  const walk = (path: string, trail: string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      cycles.push([...trail.slice(start), path]);
      return;
    }
    if (done.has(path)) return;
    for (const next of targets.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const { path } of files) walk(path, []);
  return cycles;
}
