import { rename, rm, writeFile } from 'node:fs/promises';
import { connect as connectTo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import sharp from 'sharp';
import type { OwnUser, PublicUser } from '../../src/contract/views.js';
import { deploy, deploymentKinds, type Deployment } from '../support/deployment.js';
import { filesUnder, openFilesUnder } from '../support/disk.js';
import { eventually } from '../support/eventually.js';
import { pictures } from '../support/pictures.js';
import { rest, scene, type Answer, type Person } from '../support/scene.js';

type Parts = { field?: string; name?: string; type?: string; url?: string; others?: Record<string, string> };

/** Uploads as a browser does. */
async function upload(
  person: Pick<Person, 'token'> | null,
  url: string,
  bytes: Buffer,
  { field = 'avatar', name = 'me.jpg', type = 'image/jpeg', others = {} }: Parts = {},
): Promise<Answer<OwnUser>> {
  const form = new FormData();
  for (const [key, value] of Object.entries(others)) form.append(key, value);
  form.append(field, new Blob([new Uint8Array(bytes)], { type }), name);
  return send(person, url, { body: form });
}

async function send(
  person: Pick<Person, 'token'> | null,
  url: string,
  { body, headers = {} }: { body: FormData | Buffer | string; headers?: Record<string, string> },
): Promise<Answer<OwnUser>> {
  const response = await fetch(`${url}/api/users/me/avatar`, {
    method: 'PUT',
    headers: { ...headers, ...(person === null ? {} : { authorization: `Bearer ${person.token}` }) },
    body: Buffer.isBuffer(body) ? new Uint8Array(body) : body,
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer<OwnUser>['body'],
  };
}

/** A multipart body, byte for byte. */
function form(...parts: [head: string, bytes: Buffer | string][]): {
  body: Buffer;
  headers: Record<string, string>;
} {
  const boundary = 'border-of-the-tests';
  const body = parts.flatMap(([head, bytes]) => [
    Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; ${head}\r\n\r\n`),
    Buffer.from(bytes),
    Buffer.from('\r\n'),
  ]);
  return {
    body: Buffer.concat([...body, Buffer.from(`--${boundary}--\r\n`)]),
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  };
}

describe.each(deploymentKinds)('pictures on %s', (kind) => {
  let deployment: Deployment;
  let stage: ReturnType<typeof scene>;
  let ann: Person;
  beforeAll(async () => {
    deployment = await deploy(kind, { env: { MAX_FILE_SIZE: '2000000' } });
  });
  afterAll(() => deployment.close());
  beforeEach(async () => {
    stage = scene(deployment.here);
    ann = await stage.person('ann');
  });
  afterEach(() => stage.close());

  const files = () => filesUnder(deployment.uploads);
  const get = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${deployment.there.url}${path}`, { headers });
  const picture = async (path: string): Promise<Buffer> => Buffer.from(await (await get(path)).arrayBuffer());
  async function setsAvatar(person: Person, bytes: Buffer, parts?: Parts): Promise<string> {
    const { status, body } = await upload(person, deployment.here.url, bytes, parts);
    expect([status, body.error?.code]).toEqual([200, undefined]);
    return body.data.avatar ?? '';
  }

  test('three squares, seen on the other node at once, without anything of the camera', async () => {
    const before = await files();
    const path = await setsAvatar(ann, await pictures.jpeg('c4n4ry'));
    expect(path).toMatch(/^\/api\/avatars\/[0-9a-f]{32}$/);
    const eve = await stage.person('eve');
    const seen = await eve.rest<PublicUser>('GET', `/api/users/${ann.id}`, undefined, deployment.there.url);
    expect(seen.body.data.avatar).toBe(path);
    for (const [asked, edge] of Object.entries({ 1: 64, 64: 64, 65: 256, 256: 256, 300: 512, 4_000: 512 })) {
      const bytes = await picture(`${path}?size=${asked}`);
      const { format, width, height, exif, icc } = await sharp(bytes).metadata();
      expect({ format, width, height, exif, icc }).toEqual({ format: 'webp', width: edge, height: edge });
      expect(bytes.includes('c4n4ry')).toBe(false);
    }
    expect((await sharp(await picture(path)).metadata()).width).toBe(256);
    expect((await files()).length - before.length).toBe(3);
    await ann.rest('DELETE', '/api/users/me/avatar');
    expect(await files()).toEqual(before);
  });

  test.each(['jpeg', 'png', 'gif', 'webp'] as const)(
    'a %s is taken whatever it calls itself',
    async (format) => {
      const bytes = await pictures[format]();
      await setsAvatar(ann, bytes, { field: 'image', name: 'x.txt', type: 'text/html' });
    },
  );

  test('it is turned the way the camera was held', async () => {
    const path = await setsAvatar(ann, await pictures.sideways());
    const { data } = await sharp(await picture(`${path}?size=64`))
      .raw()
      .toBuffer({ resolveWithObject: true });
    const [top, bottom] = [data.subarray((5 * 64 + 32) * 3), data.subarray((58 * 64 + 32) * 3)];
    expect([top[0], bottom[2]].every((colour) => (colour ?? 0) > 200)).toBe(true);
  });

  test('anybody who has its name may show it, on any site, from any cache', async () => {
    const path = await setsAvatar(ann, await pictures.png());
    const answer = await get(path, { origin: 'https://elsewhere.example' });
    await answer.arrayBuffer();
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'image/webp',
      'cache-control': 'public, max-age=2592000, immutable',
      'cross-origin-resource-policy': 'cross-origin',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
    });
    expect(answer.headers.get('set-cookie')).toBeNull();
    const again = await get(path, { 'if-none-match': answer.headers.get('etag') ?? '' });
    expect([again.status, await again.text()]).toEqual([304, '']);
    const head = await fetch(`${deployment.here.url}${path}`, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length')]).toEqual([
      200,
      answer.headers.get('content-length'),
    ]);
    // Everywhere else the rule stays.
    const other = await fetch(`${deployment.here.url}/health`);
    expect(other.headers.get('cross-origin-resource-policy')).toBe('same-origin');
  });

  test('a new one has a new name, and the old one is gone', async () => {
    const first = await setsAvatar(ann, await pictures.png());
    const after = await files();
    const second = await setsAvatar(ann, await pictures.jpeg());
    expect(second).not.toBe(first);
    expect([(await get(first)).status, (await get(second)).status]).toEqual([404, 200]);
    expect((await files()).length).toBe(after.length);
    const removed = await ann.rest<OwnUser>('DELETE', '/api/users/me/avatar');
    expect([removed.status, removed.body.data.avatar]).toEqual([200, null]);
    expect((await get(second)).status).toBe(404);
    expect((await ann.rest('DELETE', '/api/users/me/avatar')).status).toBe(200);
  });

  test('of many at once one stays, with its three files', async () => {
    const before = await files();
    const bytes = await pictures.png();
    const { here, there } = deployment;
    const answers = await Promise.all([here, there, here, there].map(({ url }) => upload(ann, url, bytes)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    const me = await ann.rest<{ user: OwnUser }>('GET', '/api/auth/me');
    expect((await get(me.body.data.user.avatar ?? '')).status).toBe(200);
    expect((await files()).length - before.length).toBe(3);
  });

  test.each([
    ['0123456789abcdef0123456789abcdef', 404],
    ['..%2f..%2fetc%2fpasswd', 422],
    ['%00', 422],
    ['0123456789abcdef0123456789abcdef?size=0', 422],
    ['0123456789abcdef0123456789abcdef?size=64&size=256', 422],
    ['0123456789ABCDEF0123456789ABCDEF', 422],
    ['', 404],
  ])('GET /api/avatars/%s is %d', async (name, status) => {
    const answer = await get(`/api/avatars/${name}`);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('cache-control')).toBeNull();
  });

  describe('what is refused', () => {
    const honest = () => pictures.png();
    type Case = [what: string, status: number, code: string, sends: () => Promise<Answer<OwnUser>>];
    const by = (bytes: () => Buffer | Promise<Buffer>, parts?: Parts) => async () =>
      upload(ann, deployment.here.url, await bytes(), parts);
    const raw = (make: () => { body: Buffer; headers: Record<string, string> }) => () =>
      send(ann, deployment.here.url, make());
    const file = (field = 'avatar', name = 'a.png') => `name="${field}"; filename="${name}"`;

    const cases: Case[] = [
      ['SVG', 415, 'UNSUPPORTED_TYPE', by(pictures.svg, { name: 'a.png', type: 'image/png' })],
      ['AVIF, of the family of HEIC', 415, 'UNSUPPORTED_TYPE', by(pictures.avif, { type: 'image/jpeg' })],
      ['TIFF', 415, 'UNSUPPORTED_TYPE', by(pictures.tiff)],
      ['a page', 415, 'UNSUPPORTED_TYPE', by(() => Buffer.from('<html><script>alert(1)</script>'))],
      ['nothing at all', 415, 'UNSUPPORTED_TYPE', by(() => Buffer.alloc(0))],
      ['the first bytes of a JPEG alone', 422, 'VALIDATION_FAILED', by(() => Buffer.from('ffd8ffe0', 'hex'))],
      [
        'a JPEG that ends in the middle',
        422,
        'VALIDATION_FAILED',
        by(async () => {
          const bytes = await pictures.jpeg();
          return bytes.subarray(0, bytes.length * 0.6);
        }),
      ],
      ['a picture of 900 million pixels', 422, 'VALIDATION_FAILED', by(pictures.bomb)],
      ['a picture that says it has more', 422, 'VALIDATION_FAILED', by(pictures.liar)],
      ['too many bytes', 413, 'TOO_LARGE', by(() => Buffer.alloc(2_000_001, 0xff))],
      ['far too many bytes', 413, 'TOO_LARGE', by(() => Buffer.alloc(4_000_000))],
      ['a file in another field', 422, 'VALIDATION_FAILED', by(honest, { field: 'file' })],
      [
        'two files',
        413,
        'TOO_LARGE',
        raw(() => form([file(), 'x'.repeat(70_000)], [file('image'), 'y'.repeat(70_000)])),
      ],
      ['no file', 422, 'VALIDATION_FAILED', raw(() => form(['name="avatar"', 'a text']))],
      [
        '20,000 fields',
        413,
        'TOO_LARGE',
        raw(() =>
          form(...Array.from({ length: 20_000 }, (_, i): [string, string] => [`name="f${String(i)}"`, 'x'])),
        ),
      ],
      ['a field that is too long', 413, 'TOO_LARGE', raw(() => form(['name="a"', 'x'.repeat(20_000)]))],
      ['a field with too long a name', 413, 'TOO_LARGE', raw(() => form([`name="${'n'.repeat(200)}"`, 'x']))],
      [
        'a form that does not end',
        400,
        'BAD_REQUEST',
        raw(() => {
          const { body, headers } = form([file(), 'x'.repeat(100_000)]);
          return { body: body.subarray(0, 90_000), headers };
        }),
      ],
      [
        'a form without a border',
        400,
        'BAD_REQUEST',
        raw(() => ({ body: Buffer.from('x'), headers: { 'content-type': 'multipart/form-data; x=y' } })),
      ],
      [
        'JSON',
        415,
        'UNSUPPORTED_TYPE',
        raw(() => ({
          body: Buffer.from('{"avatar":"/etc/passwd","path":"/etc/passwd"}'),
          headers: { 'content-type': 'application/json' },
        })),
      ],
      [
        'bare bytes',
        415,
        'UNSUPPORTED_TYPE',
        raw(() => ({ body: Buffer.from('x'), headers: { 'content-type': 'image/png' } })),
      ],
    ];

    let path: string;
    let before: string[];
    beforeAll(async () => {
      stage = scene(deployment.here);
      ann = await stage.person('ann');
      path = await setsAvatar(ann, await honest());
      before = await files();
    });

    test.each(cases)('%s: %d %s, nothing changed, nothing left', async (_what, status, code, sends) => {
      const answer = await sends();
      expect([answer.status, answer.body.error.code]).toEqual([status, code]);
      expect(await files()).toEqual(before);
      expect(await openFilesUnder(deployment.uploads)).toEqual([]);
      expect((await get(path)).status).toBe(200);
    });

    test('nobody who is not signed in', async () => {
      const answer = await upload(null, deployment.here.url, await honest());
      expect([answer.status, answer.body.error.code]).toEqual([401, 'UNAUTHENTICATED']);
      const forged = await upload({ token: 'x.y.z' }, deployment.here.url, await honest());
      expect(forged.status).toBe(401);
      expect(await files()).toEqual(before);
    });

    test('an upload that breaks off leaves no file and no descriptor', async () => {
      const { port, hostname } = new URL(deployment.here.url);
      for (const sent of [10, 60_000, 1_000_000]) {
        const { body, headers } = form([file(), Buffer.alloc(1_500_000, 7)]);
        const socket = connectTo(Number(port), hostname);
        socket.write(
          `PUT /api/users/me/avatar HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${ann.token}\r\n` +
            `Content-Type: ${headers['content-type'] ?? ''}\r\nContent-Length: ${String(body.length)}\r\n\r\n`,
        );
        socket.write(body.subarray(0, sent));
        if (sent > 1_000)
          await eventually(async () => expect((await files()).length).toBe(before.length + 1));
        socket.destroy();
        await eventually(async () => {
          expect(await files()).toEqual(before);
          expect(await openFilesUnder(deployment.uploads)).toEqual([]);
        });
      }
    });
  });

  test('what is hidden behind a picture does not come out again', async () => {
    const archive = Buffer.concat([
      await pictures.jpeg(),
      Buffer.from('PK\x03\x04c4n4ry<script>c4n4ry</script>'),
    ]);
    const path = await setsAvatar(ann, archive, { name: '../../../../tmp/evil.php' });
    for (const size of [64, 256, 512])
      expect((await picture(`${path}?size=${String(size)}`)).includes('c4n4ry')).toBe(false);
    expect((await files()).every((name) => /^avatars\/[0-9a-f]{2}\/[0-9a-f]{32}-\d+\.webp$/.test(name))).toBe(
      true,
    );
  });

  test('fields beside the file are but text', async () => {
    const others = { path: '/etc/passwd', avatar: 'x', '__proto__[polluted]': 'x', userId: 'x' };
    const { status } = await upload(ann, deployment.here.url, await pictures.png(), { others });
    expect(status).toBe(200);
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
  });
});

describe('allowances and failures', () => {
  let deployment: Deployment;
  beforeAll(async () => {
    deployment = await deploy('two nodes', {
      env: { RATE_LIMIT_SCALE: '1', RATE_LIMIT_UPLOADS: '3/1h', RATE_LIMIT_ANONYMOUS: '20/15m' },
    });
  });
  afterAll(() => deployment.close());

  test('uploads are counted for the person, on all nodes together, also those that are refused', async () => {
    const { here, there } = deployment;
    const { ann, bob } = await scene(here).people('ann', 'bob');
    const png = await pictures.png();
    const tries = [
      await upload(ann, here.url, png),
      await upload(ann, there.url, pictures.svg()),
      await upload(ann, here.url, png),
      await upload(ann, there.url, png),
    ];
    expect(tries.map(({ status }) => status)).toEqual([200, 415, 200, 429]);
    expect(Number(tries[3]?.headers.get('retry-after'))).toBeGreaterThan(3_000);
    expect((await upload(bob, there.url, png)).status).toBe(200);
  });

  test('a disk that fails half-way keeps nothing, and the account as it was', async () => {
    const dee = await scene(deployment.here).person('dee');
    const before = await filesUnder(deployment.uploads);
    const [avatars, aside] = ['avatars', 'aside'].map((name) => join(deployment.uploads, name)) as [
      string,
      string,
    ];
    await rename(avatars, aside);
    await writeFile(avatars, 'no folder');
    const failed = await upload(dee, deployment.here.url, await pictures.png());
    expect([failed.status, failed.body.error.code]).toEqual([500, 'INTERNAL']);
    expect(JSON.stringify(failed.body)).not.toContain(deployment.uploads);
    expect((await dee.rest<{ user: OwnUser }>('GET', '/api/auth/me')).body.data.user.avatar).toBeNull();
    await rm(avatars);
    await rename(aside, avatars);
    expect(await filesUnder(deployment.uploads)).toEqual(before);
    expect((await upload(dee, deployment.here.url, await pictures.png())).status).toBe(200);
  });

  test('looking at pictures uses up nothing', async () => {
    const { here, there } = deployment;
    const cyd = await scene(here).person('cyd');
    const { body } = await upload(cyd, here.url, await pictures.png());
    const path = body.data.avatar ?? '';
    const looks = await Promise.all(
      Array.from({ length: 60 }, async () => (await fetch(`${there.url}${path}`)).status),
    );
    expect(new Set(looks)).toEqual(new Set([200]));
    expect((await rest(there.url, 'GET', '/api/auth/me')).status).toBe(401);
  });
});
