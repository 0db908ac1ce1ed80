import { checkSchema, type Schema } from 'express-validator';
import { AppError, type FieldProblem } from '../errors/app-error.js';
import type { JsonSchema, Rule } from './rule.js';

/** A whole input: parses what a door received into what a service takes. */
export type InputSchema<T> = {
  /** The parsed input with known fields only, or undefined when something is wrong. Never throws. */
  accept(raw: unknown): T | undefined;
  /** Why `accept` refused, field by field; never echoes a value (it may be a password). */
  explain(raw: unknown): Promise<AppError>;
  readonly json: JsonSchema;
};

type Rules<T> = { readonly [K in keyof T]-?: Rule<T[K]> };

/** A rule across fields, judged after each field is fine: a problem or null. */
type CrossCheck<T> = (input: T) => FieldProblem | null;

/**
 * Makes an input schema from one rule per field. Fields without a rule are dropped, so nothing a client adds
 * reaches a service (no mass assignment).
 */
export function input<T extends object>(rules: Rules<T>, across?: CrossCheck<T>): InputSchema<T> {
  const fields = Object.entries<Rule<unknown>>(rules);
  const checks: Schema = Object.fromEntries(fields.map(([name, rule]) => [name, rule.check]));
  const explainer = checkSchema(checks, ['body']);

  const fieldsOf = (raw: unknown): T | undefined => {
    const source = record(raw);
    if (source === undefined) return undefined;
    const out: Record<string, unknown> = {};
    for (const [name, rule] of fields) {
      const value = source[name];
      if (value === undefined || value === null) {
        if (!rule.optional) return undefined;
        const fallback = absent(rule);
        if (fallback !== undefined) out[name] = fallback;
      } else if (rule.accept(value)) {
        out[name] = rule.read(value);
      } else {
        return undefined;
      }
    }
    return out as T;
  };

  return {
    accept: (raw) => {
      const parsed = fieldsOf(raw);
      return parsed !== undefined && (across?.(parsed) ?? null) === null ? parsed : undefined;
    },
    explain: async (raw) => {
      const source = record(raw);
      if (source === undefined) return problems([{ field: '', message: 'must be an object' }]);
      // Only the fields with a rule: express-validator walks what it is given, and what it is given is hostile.
      const body = Object.fromEntries(fields.map(([name]) => [name, source[name]]));
      const results = await Promise.all(explainer.map((chain) => chain.run({ body })));
      const found = results.flatMap((result) => result.array({ onlyFirstError: true }));
      if (found.length > 0) {
        return problems(
          found.map((e) => ({ field: e.type === 'field' ? e.path : '', message: String(e.msg) })),
        );
      }
      const parsed = fieldsOf(raw);
      const problem = parsed === undefined ? null : (across?.(parsed) ?? null);
      return problems(problem === null ? [] : [problem]);
    },
    json: {
      type: 'object',
      properties: Object.fromEntries(fields.map(([name, rule]) => [name, rule.json])),
      required: fields.filter(([, rule]) => !rule.optional).map(([name]) => name),
    },
  };
}

function problems(details: FieldProblem[]): AppError {
  const first = details[0];
  const message =
    first === undefined ? undefined : `${first.field === '' ? 'The input' : first.field} ${first.message}.`;
  return new AppError('VALIDATION_FAILED', message === undefined ? {} : { message, details });
}

/** A plain object, or {} for nothing at all; undefined for arrays and scalars. */
function record(raw: unknown): Record<string, unknown> | undefined {
  if (raw === undefined || raw === null) return {};
  if (typeof raw !== 'object' || Array.isArray(raw) || Buffer.isBuffer(raw)) return undefined;
  return raw as Record<string, unknown>;
}

/** The default of a `withDefault` rule; undefined for a plain `optional` one, whose reader can't read nothing. */
function absent(rule: Rule<unknown>): unknown {
  return 'default' in rule.json ? rule.read(undefined) : undefined;
}
