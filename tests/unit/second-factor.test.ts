import { describe, expect, test } from '@jest/globals';
import { drawRecoveryCodes, hashRecoveryCode } from '../../src/services/recovery-codes.js';
import { createTotp } from '../../src/services/totp.js';
import { authenticator } from '../support/authenticator.js';

/** RFC 6238, appendix B, SHA-1: the last six of its eight digits. The secret is `12345678901234567890`. */
const rfcSecret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
const rfcCodes = [
  [59, '287082'],
  [1_111_111_109, '081804'],
  [1_111_111_111, '050471'],
  [1_234_567_890, '005924'],
  [2_000_000_000, '279037'],
  [20_000_000_000, '353130'],
] as const;

const at = (seconds: number) => createTotp({ clock: () => seconds * 1_000 });

describe('codes of an authenticator', () => {
  test.each(rfcCodes)('at %d seconds the RFC has %s, and so have we and the tests', (seconds, code) => {
    expect(authenticator(rfcSecret).code(seconds * 1_000)).toBe(code);
    expect(at(seconds).stepOf(rfcSecret, code)).toBe(Math.floor(seconds / 30));
  });

  test('hold from one step before to one after, and each tells its step', () => {
    const totp = at(3_000_000_015);
    const phone = authenticator(rfcSecret);
    for (const step of [100_000_000 - 2, 100_000_000 + 2]) {
      expect(totp.stepOf(rfcSecret, phone.codeAt(step))).toBeNull();
    }
    for (const step of [100_000_000 - 1, 100_000_000, 100_000_000 + 1]) {
      expect(totp.stepOf(rfcSecret, phone.codeAt(step))).toBe(step);
    }
  });

  test('that two steps have in common count as the later one, so that none is taken twice', () => {
    // The first of this secret.
    const step = 910_737;
    const code = authenticator(rfcSecret).codeAt(step);
    expect([code, authenticator(rfcSecret).codeAt(step + 1)]).toEqual(['911617', '911617']);
    for (const now of [step, step + 1, step + 2]) {
      expect(at(now * 30).stepOf(rfcSecret, code)).toBe(step + 1);
    }
  });

  test.each([
    ...[
      '',
      '28708',
      '2870820',
      ' 287082',
      '287082 ',
      '287 082',
      '+28708',
      '2.8e10',
      '0x1234',
      '２８７０８２',
    ],
    ...['287082\n', '٢٨٧٠٨٢', '-00001', 'abcdef', '287082\0'],
  ])('are six ASCII digits and nothing that can be read as them: %j', (code) => {
    expect(at(59).stepOf(rfcSecret, code)).toBeNull();
  });

  test.each([[287082], [['287082']], [null], [undefined], [{ toString: () => '287082' }]])(
    'are text: %j is none',
    (code) => expect(at(59).stepOf(rfcSecret, code as string)).toBeNull(),
  );

  test('that begin with zeros need them', () => {
    expect(at(1_234_567_890).stepOf(rfcSecret, '005924')).not.toBeNull();
    expect(at(1_234_567_890).stepOf(rfcSecret, '5924')).toBeNull();
  });

  test('of another secret are wrong', () => {
    const totp = createTotp({ clock: () => 59_000 });
    const [one, other] = [totp.newSecret(), totp.newSecret()];
    expect(totp.stepOf(one, authenticator(one).code(59_000))).toBe(1);
    expect(totp.stepOf(other, authenticator(one).code(59_000))).toBeNull();
  });
});

describe('a secret', () => {
  test('has 160 random bits in base32, evenly spread', () => {
    const totp = createTotp({ clock: Date.now });
    const secrets = Array.from({ length: 2_000 }, () => totp.newSecret());
    expect(new Set(secrets).size).toBe(2_000);
    expect(secrets.every((secret) => /^[A-Z2-7]{32}$/.test(secret))).toBe(true);
    const counts = new Map<string, number>();
    for (const letter of secrets.join('')) counts.set(letter, (counts.get(letter) ?? 0) + 1);
    // 2,000 of each are due; a fair draw strays by 45 or so.
    expect(counts.size).toBe(32);
    for (const count of counts.values()) expect(Math.abs(count - 2_000)).toBeLessThan(350);
  });

  test('comes to the app by an address that names issuer and account, and by a picture of it', async () => {
    const { otpauthUrl, qrCode } = await at(0).enrolment(rfcSecret, 'ann.b');
    const url = new URL(otpauthUrl);
    expect([url.protocol, url.host, url.pathname]).toEqual(['otpauth:', 'totp', '/Parley:ann.b']);
    expect(Object.fromEntries(url.searchParams)).toEqual({
      ...{ secret: rfcSecret, issuer: 'Parley', algorithm: 'SHA1', digits: '6', period: '30' },
    });
    const [head, body = ''] = qrCode.split(',');
    expect(head).toBe('data:image/png;base64');
    expect(Buffer.from(body, 'base64').subarray(1, 4).toString()).toBe('PNG');
  });

  test('of an account with odd letters still makes an address that is one', async () => {
    const { otpauthUrl } = await at(0).enrolment(rfcSecret, 'a?b#c&d/e ö@x');
    const url = new URL(otpauthUrl);
    expect(decodeURIComponent(url.pathname)).toBe('/Parley:a?b#c&d/e ö@x');
    expect(url.searchParams.get('secret')).toBe(rfcSecret);
    expect(url.hash).toBe('');
  });
});

describe('recovery codes', () => {
  const user = '0123456789abcdef01234567';

  test('come in tens, of 80 random bits, without letters that look alike', () => {
    const codes = Array.from({ length: 200 }, drawRecoveryCodes).flat();
    expect(codes).toHaveLength(2_000);
    expect(new Set(codes).size).toBe(2_000);
    const form = /^[0-9a-hjkmnp-tv-z]{4}(?:-[0-9a-hjkmnp-tv-z]{4}){3}$/;
    expect(codes.every((code) => form.test(code))).toBe(true);
    const counts = new Map<string, number>();
    for (const letter of codes.join('').replaceAll('-', ''))
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
    expect(counts.size).toBe(32);
    for (const count of counts.values()) expect(Math.abs(count - 1_000)).toBeLessThan(250);
  });

  test('are the same however they are typed', () => {
    const hash = hashRecoveryCode(user, '10ab-cdef-gh10-xyz1');
    for (const typed of [
      ...['10AB-CDEF-GH10-XYZ1', '10abcdefgh10xyz1', ' 10ab cdef gh10 xyz1 ', 'IOab-cdef-ghlo-xyzL'],
    ]) {
      expect([typed, hashRecoveryCode(user, typed)]).toEqual([typed, hash]);
    }
    expect(hashRecoveryCode(user, '10ab-cdef-gh10-xyz2')).not.toBe(hash);
  });

  test('are one person’s: the hash of a code tells nothing of another’s', () => {
    const [code = ''] = drawRecoveryCodes();
    expect(hashRecoveryCode(user, code)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashRecoveryCode(user, code)).not.toBe(hashRecoveryCode('76543210fedcba9876543210', code));
  });
});
