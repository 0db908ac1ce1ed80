import { describe, expect, test } from '@jest/globals';
import { findCycles, readSourceTree, type Import, type SourceFile } from './support/source-tree.js';

/**
 * The shape of the house, as rules about imports: doors → controllers → services → models, leaves beside them, and
 * platform and contract below everything. A failure names the file, what it imports and why it may not.
 */

type Rule = {
  /** The layers that this one may import from, itself left out. */
  may: readonly string[];
  /** Of these it may import types only. */
  mayTypesOf?: readonly string[];
  why: string;
};

const below = ['contract', 'platform'] as const;

/** Every folder of src. A new one fails until somebody has thought about where it stands. */
const layers: Readonly<Record<string, Rule>> = {
  contract: { may: [], why: 'the contract is types only, for servers and clients alike, and needs nothing' },
  platform: {
    may: ['contract'],
    why: 'the platform knows no chat words: what it needs of the house is handed to it by app',
  },
  config: {
    may: [],
    mayTypesOf: ['contract', 'platform'],
    why: 'settings are read before anything else is there, so they can rest on nothing that runs',
  },
  models: { may: below, why: 'a model stores and finds; rules and views are made above it' },
  presenters: {
    may: ['contract'],
    mayTypesOf: ['models'],
    why: 'a presenter turns a stored thing into a view, without looking anything up',
  },
  validators: { may: below, why: 'a validator is a table of rules for one input, the same for both doors' },
  services: {
    may: [...below, 'models', 'presenters'],
    mayTypesOf: ['config'],
    why: 'a service holds the rules, and knows neither who asked nor by which door; settings are handed to it',
  },
  controllers: {
    may: [...below, 'services', 'validators', 'presenters'],
    mayTypesOf: ['config'],
    why: 'a controller parses, calls one service and presents; it never reaches the database past the service',
  },
  routes: { may: [...below, 'controllers'], why: 'a route is a row in a table: path and action' },
  sockets: { may: [...below, 'controllers'], why: 'a socket event is a row in a table: name and action' },
  dialects: {
    may: [...below, 'controllers', 'services', 'presenters', 'validators'],
    why: 'a dialect is other names and shapes over the same controllers and services',
  },
  jobs: { may: [...below, 'services'], why: 'a job is a door too: a name and the service method it calls' },
};

/** Folders within a layer with narrower rules: what they may import, themselves left out. */
const narrower: readonly { of: RegExp; may: RegExp; why: string }[] = [
  {
    of: /^src\/validators\//,
    may: /^src\/(validators|contract|platform\/validation)\//,
    why: 'of the platform a validator needs the validation rules only',
  },
  {
    of: /^src\/services\/[^/]+\.policy\.ts$/,
    may: /^src\/(services\/[^/]+\.policy\.ts$|contract\/|platform\/errors\/)/,
    why: 'a policy is pure: it says yes, no, or throws, from what it is given',
  },
];

/** What only some files of a folder may import. */
const reserved: readonly { from: RegExp; unless?: RegExp; target: RegExp; why: string }[] = [
  {
    from: /^src\/services\//,
    unless: /\.fanout\.ts$/,
    target: /^src\/platform\/(realtime|rooms)\//,
    why: 'only a fan-out emits: services publish facts',
  },
  {
    from: /^src\/(services|models)\//,
    target: /^src\/platform\/(http|mongo|redis)\//,
    why: 'nothing below a door knows requests, and connections are opened by app',
  },
];

/** Where a package may be imported: everything else goes through what these files offer. */
const homes: Readonly<Record<string, readonly string[]>> = {
  express: ['src/platform/http/', 'src/platform/docs/', 'src/app/'],
  'express-rate-limit': ['src/platform/http/'],
  helmet: ['src/platform/http/'],
  cors: ['src/platform/http/'],
  compression: ['src/platform/http/'],
  'express-validator': ['src/platform/validation/'],
  'socket.io': ['src/platform/realtime/', 'src/app/'],
  '@socket.io/redis-adapter': ['src/platform/realtime/', 'src/app/'],
  mongoose: ['src/models/', 'src/platform/mongo/'],
  ioredis: ['src/platform/redis/'],
  bullmq: ['src/platform/queue/'],
  nodemailer: ['src/platform/mail/'],
  mailgen: ['src/presenters/mail.presenter.ts'],
  winston: ['src/platform/logging/'],
  bowser: ['src/platform/user-agents/'],
  maxmind: ['src/platform/places/'],
  bcrypt: ['src/services/password.ts'],
  jsonwebtoken: ['src/services/token.service.ts'],
  multer: ['src/platform/http/upload.ts'],
  sharp: ['src/platform/images/'],
  speakeasy: ['src/services/totp.ts'],
  qrcode: ['src/services/totp.ts'],
};

const mostLines = 300;
const files = readSourceTree('src');

const layerOf = (path: string): string => /^src\/([^/]+)\//.exec(path)?.[1] ?? 'app';
const sentence = (file: SourceFile, target: string, why: string): string =>
  `${file.path} imports ${target}: ${why}`;

/** One sentence for every import that `judge` finds a fault with. */
function faults(judge: (file: SourceFile, one: Import) => string | null): string[] {
  return files.flatMap((file) =>
    file.imports.flatMap((one) => {
      const why = judge(file, one);
      return why === null ? [] : [sentence(file, one.file ?? one.specifier, why)];
    }),
  );
}

describe('the architecture', () => {
  test('these rules are not blind: they see the files, their imports and the packages', () => {
    const main = files.find(({ path }) => path === 'src/main.ts');
    expect(main?.imports).toContainEqual({
      specifier: './app/create-app.js',
      file: 'src/app/create-app.ts',
      package: null,
      typeOnly: false,
    });
    const packages = new Set(files.flatMap(({ imports }) => imports.flatMap((one) => one.package ?? [])));
    expect([...packages]).toEqual(expect.arrayContaining(['express', 'socket.io', 'mongoose', 'ioredis']));
    expect(files.some(({ readsEnvironment }) => readsEnvironment)).toBe(true);
  });

  test('every folder of src has a place among the layers', () => {
    const unknown = files.filter(
      ({ path }) => layerOf(path) !== 'app' && layers[layerOf(path)] === undefined,
    );
    expect(
      unknown.map(({ path }) => `${path}: say in the table of layers what its folder may import`),
    ).toEqual([]);
  });

  test('layers import downwards only', () => {
    const wrong = faults((file, one) => {
      const [from, to] = [layerOf(file.path), one.file === null ? null : layerOf(one.file)];
      const rule = layers[from];
      if (rule === undefined || to === null || to === from || rule.may.includes(to)) return null;
      if (rule.mayTypesOf?.includes(to) !== true) return rule.why;
      return one.typeOnly ? null : `types only (import type), because ${rule.why}`;
    });
    expect(wrong).toEqual([]);
  });

  test('validators and policies are leaves', () => {
    const wrong = faults((file, one) => {
      const rule = narrower.find(({ of }) => of.test(file.path));
      return rule === undefined || one.file === null || rule.may.test(one.file) ? null : rule.why;
    });
    expect(wrong).toEqual([]);
  });

  test('only fan-outs emit, and nothing below a door knows requests or connections', () => {
    const wrong = faults((file, one) => {
      const rule = reserved.find(
        ({ from, unless, target }) =>
          from.test(file.path) &&
          unless?.test(file.path) !== true &&
          one.file !== null &&
          target.test(one.file),
      );
      return rule?.why ?? null;
    });
    expect(wrong).toEqual([]);
  });

  test('each of the big packages has one home', () => {
    const wrong = faults((file, one) => {
      const home = one.package === null ? undefined : homes[one.package];
      if (home === undefined || home.some((place) => file.path.startsWith(place))) return null;
      return `${one.package ?? ''} lives in ${home.join(' and ')} only, so that it can be replaced or mended in one place`;
    });
    expect(wrong).toEqual([]);
  });

  test('the environment is read in src/config only', () => {
    const wrong = files.filter((file) => file.readsEnvironment && !file.path.startsWith('src/config/'));
    expect(
      wrong.map(({ path }) => `${path} reads process.env: add a typed slice to src/config instead`),
    ).toEqual([]);
  });

  test('an import leads to a file that is there', () => {
    const known = new Set(files.map(({ path }) => path));
    const wrong = faults((_file, { file }) =>
      file === null || known.has(file) || !file.startsWith('src/') ? null : 'there is no such file',
    );
    expect(wrong).toEqual([]);
  });

  test('src imports nothing outside src', () => {
    const wrong = faults((_file, { file }) =>
      file === null || file.startsWith('src/') ? null : 'what runs is built from src alone',
    );
    expect(wrong).toEqual([]);
  });

  test('no file imports itself in a circle', () => {
    const circles = findCycles(files, () => true).map(
      (trail) => `${trail.join(' → ')}: none of them can be understood or tested without the others`,
    );
    expect(circles).toEqual([]);
  });

  test(`no file is longer than ${mostLines} lines`, () => {
    const long = files.filter(({ lines }) => lines > mostLines);
    expect(long.map(({ path, lines }) => `${path} has ${lines} lines: split it by what it knows`)).toEqual(
      [],
    );
  });
});
