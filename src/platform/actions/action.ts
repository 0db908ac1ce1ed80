import type { Actor, Origin } from '../../contract/actor.js';
import { AppError } from '../errors/app-error.js';
import type { InputSchema } from '../validation/input.js';
import type { JsonSchema } from '../validation/rule.js';

/** JSON by type: a Mongoose document, an ObjectId or a Date does not fit, so nothing unpresented leaves. */
type Scalar = string | number | boolean | null | undefined;
export type Presented = Scalar | readonly Presented[] | { readonly [key: string]: Presented };

/** What a session's beginning or end asks of the HTTP door: its cookies. Sockets ignore it. */
export type SessionEffect =
  | { kind: 'opened'; accessToken: string; refreshToken: string; bearerToken: string | null }
  | { kind: 'closed' };

/** What an action answers. `status` only where it differs from the route's. */
export type Reply = { message: string; data: Presented; status?: number; session?: SessionEffect };

export type Call<I> = { actor: Actor; input: I; origin: Origin };
export type OpenCall<I> = { actor: Actor | null; input: I; origin: Origin };

/**
 * A capability as both doors see it: the input's schema fused with what runs on it. Doors accept only Actions, so
 * neither the sign-in check nor the validation can be left out, and REST and sockets can't drift apart.
 */
export type Action = {
  readonly open: boolean;
  readonly json: JsonSchema;
  /** `raw` is whatever the client sent. Rejects with an AppError that the door translates. */
  perform(raw: unknown, actor: Actor | null, origin: Origin): Promise<Reply>;
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
