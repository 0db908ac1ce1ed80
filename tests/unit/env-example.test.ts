import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { aliasNames } from '../../src/config/aliases.js';
import { envGroups, envTable, type EnvName } from '../../src/config/env.js';

const lines = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8').split('\n');
const names = Object.keys(envTable) as EnvName[];

/** `NAME=value` lines in their order, and whether they are commented out. */
const entries = lines.flatMap((line, index) => {
  const [, hash, name, value] = /^(# )?([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
  return name === undefined ? [] : [{ name, value: value ?? '', commented: hash !== undefined, index }];
});

describe('.env.example', () => {
  it('names each variable of the table once, and each older name once, and nothing else', () => {
    expect(entries.filter((entry) => !entry.commented).map((entry) => entry.name)).toEqual(
      Object.values(envGroups).flatMap((rows) => Object.keys(rows)),
    );
    expect(
      entries
        .filter((entry) => entry.commented)
        .map((entry) => entry.name)
        .sort(),
    ).toEqual([...aliasNames].sort());
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(names)('%s stands there with its default, under its documentation', (name) => {
    const entry = entries.find((one) => one.name === name);
    const { default: standard, doc } = envTable[name];
    // Where the default depends on NODE_ENV an empty line leaves the choice, and a copied file right for production.
    expect(entry?.value).toBe(typeof standard === 'string' ? standard : '');
    expect(lines[(entry?.index ?? 0) - 1]).toBe(`# ${doc}`);
  });

  it('is a valid configuration as it stands', async () => {
    const { loadConfig } = await import('../../src/config/config.js');
    const asFile = Object.fromEntries(
      entries.filter((one) => !one.commented).map((one) => [one.name, one.value]),
    );
    const { server, ...rest } = loadConfig(asFile, { cwd: '/srv' });
    const { server: bareServer, ...bare } = loadConfig({}, { cwd: '/srv' });
    expect(rest).toEqual(bare);
    expect(server).toEqual(bareServer);
  });
});
