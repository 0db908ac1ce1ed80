import type { Readable } from 'node:stream';
import type { Actor, Origin } from '../../contract/actor.js';
import { AppError, invalid } from '../errors/app-error.js';
import type { InputSchema } from '../validation/input.js';
import type { JsonSchema } from '../validation/rule.js';

/** JSON by type: a Mongoose document, an ObjectId or a Date does not fit, so nothing unpresented leaves. */
type Scalar = string | number | boolean | null | undefined;
export type Presented = Scalar | readonly Presented[] | { readonly [key: string]: Presented };

/** What a session's beginning or end asks of the HTTP door: its cookies. Sockets ignore it. */
export type SessionEffect =
  | {
      kind: 'opened';
      accessToken: string;
      refreshToken: string;
      bearerToken: string | null;
      /** By which this browser is known again; only where a session begins. */
      deviceToken?: string;
      /** For the cookie of a device that is trusted from now on. */
      trustedDevice?: { token: string; ttlSeconds: number };
    }
  | { kind: 'closed' };

/** What an action answers. `status` only where it differs from the route's; `file`: those bytes instead of the envelope. */
export type Reply = {
  message: string;
  data: Presented;
  status?: number;
  session?: SessionEffect;
  file?: FileReply;
};

/** A file as an answer, by HTTP only. */
export type FileReply = {
  size: number;
  contentType: string;
  headers: Readonly<Record<string, string>>;
  /** Names these very bytes: who has them already is told so. */
  etag?: string;
  open(): Promise<Readable>;
  /** Called once, when the answer is over: true when the last byte has left. */
  over?(whole: boolean): Promise<void>;
};

/** What file an action takes, by HTTP only: in one of these multipart fields. */
export type UploadRule = {
  fields: readonly [string, ...string[]];
  maxBytes: number;
  /** Asked before a byte is read; throws when the caller may not. */
  before(actor: Actor): Promise<void>;
};

/** A file in quarantine: nothing about it is proved. It is gone from `path` when the action is over, unless moved. */
export type UploadedFile = {
  field: string;
  path: string;
  size: number;
  /** Whatever the client says it was called: never a path, never a proof of anything. */
  originalName: string;
};

export type Call<I> = { actor: Actor; input: I; origin: Origin };
export type OpenCall<I> = { actor: Actor | null; input: I; origin: Origin };

/**
 * A capability as both doors see it: the input's schema fused with what runs on it. Doors accept only Actions, so
 * neither the sign-in check nor the validation can be left out, and REST and sockets can't drift apart.
 */
export type Action = {
  readonly open: boolean;
  readonly json: JsonSchema;
  /** Absent: the action takes no file. */
  readonly upload?: UploadRule;
  /** `raw` is whatever the client sent. Rejects with an AppError that the door translates. */
  perform(raw: unknown, actor: Actor | null, origin: Origin, file?: UploadedFile): Promise<Reply>;
};

async function refuse<I>(schema: InputSchema<I>, raw: unknown): Promise<I> {
  throw await schema.explain(raw);
}

/** For signed-in users only. */
export function action<I>(schema: InputSchema<I>, run: (call: Call<I>) => Promise<Reply>): Action {
  return {
    open: false,
    json: schema.json,
    perform: async (raw, actor, origin) => {
      if (actor === null) throw new AppError('UNAUTHENTICATED');
      const input = schema.accept(raw) ?? (await refuse(schema, raw));
      return run({ actor, input, origin });
    },
  };
}

/** For everybody; `actor` is there when the caller happens to be signed in. */
export function openAction<I>(schema: InputSchema<I>, run: (call: OpenCall<I>) => Promise<Reply>): Action {
  return {
    open: true,
    json: schema.json,
    perform: async (raw, actor, origin) =>
      run({ actor, input: schema.accept(raw) ?? (await refuse(schema, raw)), origin }),
  };
}

/** For signed-in users, with one file, which must be there. */
export function uploadAction<I>(
  schema: InputSchema<I>,
  upload: UploadRule,
  run: (call: Call<I> & { file: UploadedFile }) => Promise<Reply>,
): Action {
  return {
    open: false,
    json: schema.json,
    upload,
    perform: async (raw, actor, origin, file) => {
      if (actor === null) throw new AppError('UNAUTHENTICATED');
      const input = schema.accept(raw) ?? (await refuse(schema, raw));
      if (file === undefined) throw invalid({ field: upload.fields[0], message: 'must be given as a file' });
      return run({ actor, input, origin, file });
    },
  };
}
