import { errorTable } from '../errors/error-table.js';
import type { Route } from '../http/http-door.js';
import type { JsonSchema } from '../validation/rule.js';

export type About = { title: string; version: string; description: string };

type Properties = Readonly<Record<string, JsonSchema>>;

/**
 * OpenAPI 3.1 of the route tables, from the very schemas that validate: what is documented is what is accepted.
 * Paths are told as clients ask for them, under /api.
 */
export function openApi(about: About, routes: readonly Route[]): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {};
  for (const route of routes) {
    const path = `/api${route.path.replace(/:(\w+)/g, '{$1}')}`;
    paths[path] = { ...paths[path], [route.method]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: about,
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
        cookie: { type: 'apiKey', in: 'cookie', name: 'accessToken' },
      },
      schemas: { Success: successSchema, Failure: failureSchema },
      responses: {
        Failure: { description: 'What went wrong.', ...json({ $ref: '#/components/schemas/Failure' }) },
      },
    },
  };
}

/** The schema of an action's input: its fields, and which of them must be there. */
function fieldsOf(route: Route): { properties: Properties; required: readonly string[] } {
  const { properties = {}, required = [] } = route.action.json as {
    properties?: Properties;
    required?: readonly string[];
  };
  return { properties, required };
}

function operationOf(route: Route): JsonSchema {
  const { properties, required } = fieldsOf(route);
  const inPath = new Set([...route.path.matchAll(/:(\w+)/g)].map((match) => match[1] ?? ''));
  const others = Object.keys(properties).filter((name) => !inPath.has(name));
  // A deletion has a body where it needs one: a password is nothing for an address.
  const inQuery =
    route.method === 'get' || (route.method === 'delete' && !others.some((name) => required.includes(name)));
  const parameter = (name: string, place: 'path' | 'query'): JsonSchema => ({
    ...{ name, in: place, required: place === 'path' || required.includes(name) },
    schema: properties[name] ?? { type: 'string' },
  });
  const parameters = [
    ...[...inPath].map((name) => parameter(name, 'path')),
    ...(inQuery ? others.map((name) => parameter(name, 'query')) : []),
  ];
  const body: JsonSchema = {
    type: 'object',
    properties: Object.fromEntries(others.map((name) => [name, properties[name]])),
    required: others.filter((name) => required.includes(name)),
  };
  return {
    tags: [route.path.split('/')[1] ?? ''],
    operationId: `${route.method}${route.path.replace(/[/:-](\w)/g, (_, letter: string) => letter.toUpperCase())}`,
    security: route.action.open ? [] : [{ bearer: [] }, { cookie: [] }],
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(inQuery || others.length === 0 ? {} : { requestBody: { required: true, ...json(body) } }),
    ...(route.action.upload === undefined ? {} : { requestBody: formOf(route.action.upload.fields, body) }),
    responses: {
      [String(route.status ?? 200)]: {
        description: 'Done.',
        ...(route.file === undefined
          ? json({ $ref: '#/components/schemas/Success' })
          : { content: { [route.file]: {} } }),
      },
      default: { $ref: '#/components/responses/Failure' },
    },
  };
}

/** One file, in any one of the fields, and the others beside it. */
function formOf(fields: readonly string[], others: JsonSchema): JsonSchema {
  const schema = {
    ...others,
    properties: {
      ...(others['properties'] as Properties),
      ...Object.fromEntries(fields.map((name) => [name, { type: 'string', format: 'binary' }])),
    },
    oneOf: fields.map((name) => ({ required: [name] })),
  };
  return { required: true, content: { 'multipart/form-data': { schema } } };
}

function json(schema: JsonSchema): { content: JsonSchema } {
  return { content: { 'application/json': { schema } } };
}

export const successSchema: JsonSchema = {
  type: 'object',
  properties: { success: { const: true }, message: { type: 'string' }, data: {} },
  required: ['success', 'message', 'data'],
};

export const failureSchema: JsonSchema = {
  type: 'object',
  properties: {
    success: { const: false },
    message: { type: 'string' },
    error: {
      type: 'object',
      properties: {
        code: { enum: Object.keys(errorTable) },
        message: { type: 'string' },
        details: {
          type: 'array',
          items: {
            type: 'object',
            properties: { field: { type: 'string' }, message: { type: 'string' } },
            required: ['field', 'message'],
          },
        },
        requestId: { type: 'string' },
        retryAfter: { type: 'integer', description: 'Seconds; with LIMITED and UNAVAILABLE.' },
      },
      required: ['code', 'message', 'requestId'],
    },
  },
  required: ['success', 'message', 'error'],
};
