import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { networkOf } from '../../src/platform/addresses/network.js';
import { silentLogger } from '../../src/platform/logging/logger.js';
import { coarsePlace, openPlaces, PlacesUnreadable } from '../../src/platform/places/places.js';
import { readUserAgent } from '../../src/platform/user-agents/user-agent.js';
import { eventually } from '../support/eventually.js';
import { mmdb } from '../support/mmdb.js';

describe('a User-Agent header, in words', () => {
  const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36';
  test.each([
    ['Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0', 'Firefox 128 on Linux'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Edg/126.0.0.0`, 'Microsoft Edge 126 on Windows'],
    [`Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${chrome}`, 'Chrome 126 on macOS'],
    [
      'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
      'Safari 17 on iOS',
    ],
    ['curl/8.5.0', 'curl 8'],
    ['PostmanRuntime/7.39.0', 'PostmanRuntime 7'],
    ['Dart/3.3 (dart:io)', 'Dart 3'],
    ['Parley/2.1 (iPhone; iOS 17.5; Scale/3.00)', 'Parley 2 on iOS'],
    ['node', 'node'],
    ['', 'Unknown client'],
    ['Mozilla/5.0', 'Unknown client'],
  ])('%s', (header, name) => expect(readUserAgent(header).name).toBe(name));

  test('the family does not change with the version', () => {
    const of = (version: number) =>
      readUserAgent(`Mozilla/5.0 (X11; Linux x86_64; rv:${version}.0) Gecko/20100101 Firefox/${version}.0`);
    expect(of(128).family).toBe('Firefox on Linux');
    expect(of(129).family).toBe(of(128).family);
  });

  test.each([
    'Your account is blocked, visit https://evil.example/now',
    'https://evil.example/1.0',
    'evil.example/1.0',
    '<a href="https://evil.example">Firefox</a>/128',
    'Mozilla/5.0 (X11; evil.example) https://evil.example/9 Gecko',
    'a@evil.example/1.0',
    `${'x'.repeat(500)}/1.0`,
    'name/1\r\nBcc: everybody@example.org',
    '\0\ud800',
  ])('no address, sentence or markup of it gets into a mail: %j', (header) => {
    expect(readUserAgent(header).name).toMatch(
      /^[A-Za-z][\w-]{1,30}( \d{1,4})?( on [A-Za-z]+)?$|^Unknown client( on [A-Za-z]+)?$/,
    );
  });
});

test.each([
  ['192.0.2.77', '192.0.2.0/24'],
  ['::ffff:192.0.2.77', '192.0.2.0/24'],
  ['::FFFF:c000:24d', '192.0.2.0/24'],
  ['2001:db8:1:2::3', '2001:db8:1::/48'],
  ['2001:DB8:1::', '2001:db8:1::/48'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8:0::/48'],
  ['fe80::1%eth0', 'fe80:0:0::/48'],
  ['64:ff9b::192.0.2.1', '64:ff9b:0::/48'],
  ['nonsense', 'nonsense'],
  ['', ''],
])('the network of %j is %j', (ip, network) => expect(networkOf(ip)).toBe(network));

describe('places', () => {
  const names = (en: string) => ({ names: { en, de: 'anders' } });
  const here = { city: names('Bergen'), country: names('Norway') };
  let dir: string;
  let path: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'parley-places-'));
    path = join(dir, 'city.mmdb');
    await writeFile(
      path,
      mmdb({
        '192.0.2.0/24': here,
        '198.51.100.0/25': { country: names('Chile') },
        '198.51.100.128/25': { registered_country: names('Ghana') },
        '203.0.113.0/24': { traits: 'only', country: { names: 'Nowhere' } },
      }),
    );
  });
  afterAll(() => rm(dir, { recursive: true, force: true }));

  test('are read from a MaxMind database, by town or by country', async () => {
    const places = await openPlaces({ path, logger: silentLogger });
    const none = { lat: null, lon: null };
    expect(places.of('192.0.2.1')).toEqual({ city: 'Bergen', country: 'Norway', ...none });
    expect(places.of('::ffff:192.0.2.255')).toEqual({ city: 'Bergen', country: 'Norway', ...none });
    expect(places.of('198.51.100.1')).toEqual({ city: null, country: 'Chile', ...none });
    expect(places.of('198.51.100.200')).toEqual({ city: null, country: 'Ghana', ...none });
    for (const ip of [
      '203.0.113.1',
      '127.0.0.1',
      '::1',
      '2001:db8::1',
      '',
      'nonsense',
      '1.2.3',
      '1'.repeat(9_999),
    ])
      expect([ip, places.of(ip)]).toEqual([ip, null]);
    places.close();
  });

  test('are nowhere without a database', async () => {
    expect((await openPlaces({ path: null, logger: silentLogger })).of('192.0.2.1')).toBeNull();
  });

  test('are taken up anew when the file is replaced; a broken one changes nothing', async () => {
    const file = join(dir, 'changing.mmdb');
    await writeFile(file, mmdb({ '192.0.2.0/24': here }));
    const places = await openPlaces({ path: file, logger: silentLogger, lookMs: 10 });
    expect(places.of('192.0.2.1')?.city).toBe('Bergen');
    await writeFile(file, 'half a file');
    await rm(file);
    await writeFile(file, mmdb({ '192.0.2.0/24': { city: names('Oslo') } }));
    await eventually(() => expect(places.of('192.0.2.1')?.city).toBe('Oslo'));
    await writeFile(file, 'no longer a database');
    expect(places.of('192.0.2.1')?.city).toBe('Oslo');
    places.close();
  });

  test.each([
    ['a file that is not there', async () => join(dir, 'absent.mmdb'), /can't be read \(ENOENT\)/],
    ['a folder', async () => dir, /can't be read \(EISDIR\)/],
    [
      'something else',
      async () => {
        const file = join(dir, 'text.mmdb');
        await writeFile(file, 'not a database');
        return file;
      },
      /is no MaxMind database/,
    ],
  ])('%s is refused in words', async (_what, make, words) => {
    const opening = openPlaces({ path: await make(), logger: silentLogger });
    await expect(opening).rejects.toThrow(PlacesUnreadable);
    await expect(opening).rejects.toThrow(words);
  });

  test('that a client tells are no finer than 0.1°', () => {
    expect(coarsePlace({ lat: 60.391_262, lon: 5.322_054 })).toMatchObject({ lat: 60.4, lon: 5.3 });
    expect(coarsePlace({ lat: -0.01, lon: -179.96 })).toMatchObject({ lat: 0, lon: -180 });
    expect(Object.is(coarsePlace({ lat: -0.01, lon: 0 }).lat, 0)).toBe(true);
  });
});
