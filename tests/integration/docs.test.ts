import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { deploy, type Deployment } from '../support/deployment.js';
import { rest } from '../support/scene.js';

type Json = Record<string, unknown>;
type OpenApi = { openapi: string; paths: Record<string, Record<string, Operation>> };
type Operation = {
  operationId: string;
  security: Json[];
  parameters?: { name: string; in: string; required: boolean }[];
  requestBody?: {
    content: Record<string, { schema: { required: string[]; properties: Json } } | undefined>;
  };
};

let deployment: Deployment;
beforeAll(async () => {
  deployment = await deploy('one process');
});
afterAll(() => deployment.close());

const read = async <T>(path: string): Promise<T> =>
  (await rest(deployment.here.url, 'GET', path)).body as unknown as T;

test('the OpenAPI document says what is accepted: path, query and body, and what must be there', async () => {
  const { openapi, paths } = await read<OpenApi>('/api/docs/openapi.json');
  expect(openapi).toBe('3.1.0');

  const send = paths['/api/messages']?.['post'];
  const body = send?.requestBody?.content['application/json']?.schema;
  expect(body?.required.sort()).toEqual(['chatId', 'content']);
  expect(Object.keys(body?.properties ?? {})).toContain('clientMessageId');
  expect(send?.security).toEqual([{ bearer: [] }, { cookie: [] }]);

  const history = paths['/api/messages/{chatId}']?.['get'];
  expect(history?.parameters?.find(({ name }) => name === 'chatId')).toMatchObject({
    in: 'path',
    required: true,
  });
  expect(history?.parameters?.find(({ name }) => name === 'limit')).toMatchObject({
    in: 'query',
    required: false,
  });
  expect(paths['/api/auth/login']?.['post']?.security).toEqual([]);

  const picture = paths['/api/users/me/avatar']?.['put'];
  const form = picture?.requestBody?.content['multipart/form-data']?.schema;
  expect(form).toMatchObject({ properties: { avatar: { format: 'binary' } }, oneOf: expect.any(Array) });

  const ids = Object.values(paths).flatMap((path) =>
    Object.values(path).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(ids.length);
});

test('the AsyncAPI document names every event that is asked or told, and refers to nothing that is not there', async () => {
  const document = await read<Json>('/api/docs/asyncapi.json');
  expect(document).toMatchObject({ asyncapi: '3.0.0' });
  const { messages } = document['components'] as { messages: Json };
  expect(Object.keys(messages)).toEqual(
    expect.arrayContaining(['message:send', 'sync', 'message:new', 'error:event']),
  );
  expect(messages['message:send']).toMatchObject({
    payload: { required: expect.arrayContaining(['chatId']) },
  });
  for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/messages\/([^"]+)"/g)) {
    expect(messages).toHaveProperty([name ?? '']);
  }
});

test('the page shows both without a script, under a policy that forbids them', async () => {
  const response = await fetch(`${deployment.here.url}/api/docs`);
  const page = await response.text();
  expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
  expect(page).toContain('POST /api/messages');
  expect(page).toContain('message:send');
  expect(page).not.toMatch(/<script|onload=|https?:\/\//);
});
