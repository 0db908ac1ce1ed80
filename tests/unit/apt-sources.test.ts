import { describe, expect, test } from '@jest/globals';
import { parseAptSources, parseOsRelease, pickMirror } from '../../src/platform/mongo/glibc/apt-sources.js';
import { isAtLeast } from '../../src/platform/mongo/glibc/newer-glibc.js';

describe('apt sources in deb822 format', () => {
  const text = [
    'Types: deb deb-src',
    '# a comment in the midst',
    'URIs: http://mirror.example/debian https://other.example/debian',
    'Suites: bookworm bookworm-updates',
    'Components: main contrib',
    'Signed-By:',
    ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
    ' .',
    ' mDMEY865UxYJKwYBBAHaRw8BAQdAd7Z0srwuhlB6JKFkcf4HU4SSS/xcRfwEQWzr',
    ' -----END PGP PUBLIC KEY BLOCK-----',
    '',
    'Types: deb',
    'URIs: http://security.example/debian-security',
    'Suites: bookworm-security',
    'Components: main',
    '',
    'Enabled: no',
    'Types: deb',
    'URIs: http://off.example/debian',
    'Suites: bookworm',
    'Components: main',
  ].join('\n');

  test('gives every stanza that is switched on', () => {
    expect(parseAptSources(text, 'deb822')).toEqual([
      {
        types: ['deb', 'deb-src'],
        uris: ['http://mirror.example/debian', 'https://other.example/debian'],
        suites: ['bookworm', 'bookworm-updates'],
        components: ['main', 'contrib'],
      },
      {
        types: ['deb'],
        uris: ['http://security.example/debian-security'],
        suites: ['bookworm-security'],
        components: ['main'],
      },
    ]);
  });

  test('takes values that go on over several lines, and any case of field names', () => {
    const folded =
      'types: deb\nuris:\n http://a.example/debian\n http://b.example/debian\nsuites: bookworm\ncomponents: main\n';
    expect(parseAptSources(folded, 'deb822')[0]?.uris).toEqual([
      'http://a.example/debian',
      'http://b.example/debian',
    ]);
  });

  test('finds nothing in an empty file or in nonsense', () => {
    expect(parseAptSources('', 'deb822')).toEqual([]);
    expect(parseAptSources('<html>no sources here</html>', 'deb822')).toEqual([]);
  });
});

describe('apt sources in one-line format', () => {
  test('gives every line that is switched on', () => {
    const text = [
      '# deb http://off.example/debian bookworm main',
      'deb [arch=amd64 signed-by=/usr/share/keyrings/a.gpg] http://mirror.example/debian bookworm main contrib # ours',
      'deb-src http://mirror.example/debian bookworm main',
      'deb http://flat.example/packages ./',
      'something else',
    ].join('\n');
    expect(parseAptSources(text, 'list')).toEqual([
      {
        types: ['deb'],
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm'],
        components: ['main', 'contrib'],
      },
      {
        types: ['deb-src'],
        uris: ['http://mirror.example/debian'],
        suites: ['bookworm'],
        components: ['main'],
      },
      { types: ['deb'], uris: ['http://flat.example/packages'], suites: ['./'], components: [] },
    ]);
  });
});

describe('the mirror', () => {
  const source = (uri: string, suite: string, components = ['main'], types = ['deb']) => ({
    types,
    uris: [uri],
    suites: [suite],
    components,
  });

  test("is that of the system's own main archive", () => {
    const sources = [
      source('http://third.example/apt', 'cloud-sdk-bookworm'),
      source('http://security.example/debian', 'bookworm-security'),
      source('http://sources.example/debian', 'bookworm', ['main'], ['deb-src']),
      source('http://contrib.example/debian', 'bookworm', ['contrib']),
      source('http://mirror.example/debian', 'bookworm'),
    ];
    expect(pickMirror(sources, 'bookworm')).toBe('http://mirror.example/debian');
    expect(pickMirror(sources, 'jammy')).toBeNull();
  });

  test('is found by the name of a stage too, and is never a disc', () => {
    expect(pickMirror([source('http://mirror.example/debian', 'stable')], null)).toBe(
      'http://mirror.example/debian',
    );
    expect(pickMirror([source('cdrom:[Debian]/', 'bookworm')], 'bookworm')).toBeNull();
  });
});

test('os-release tells distribution and code name, quoted or not', () => {
  expect(parseOsRelease('PRETTY_NAME="Debian"\nID=debian\nVERSION_CODENAME=bookworm\n')).toEqual({
    id: 'debian',
    codename: 'bookworm',
  });
  expect(parseOsRelease('ID="ubuntu"\nUBUNTU_CODENAME=jammy\n')).toEqual({ id: 'ubuntu', codename: null });
  expect(parseOsRelease('')).toEqual({ id: 'linux', codename: null });
});

test('versions are compared as numbers', () => {
  expect(isAtLeast('2.36', '2.38')).toBe(false);
  expect(isAtLeast('2.38', '2.38')).toBe(true);
  expect(isAtLeast('2.100', '2.38')).toBe(true);
  expect(isAtLeast('3.0', '2.38')).toBe(true);
});
