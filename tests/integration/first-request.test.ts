import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import supertest from 'supertest';
import { startTestDatabase, type TestDatabase } from '../support/database.js';
import { startServer, type TestServer } from '../support/server.js';

/** What a stranger's first requests get. */
describe('a newcomer who tries it with his HTTP client', () => {
  let database: TestDatabase;
  let server: TestServer;

  beforeAll(async () => {
    database = await startTestDatabase();
    server = await startServer({ mongoUri: database.uri });
  });

  afterAll(async () => {
    await server.close();
    await database.close();
  });

  test('sees that it is up and ready, without signing in', async () => {
    const health = await supertest(server.url).get('/health').expect(200);
    expect(health.body).toMatchObject({ success: true, status: 'ok', version: 'test' });
    const ready = await supertest(server.url).get('/readyz').expect(200);
    expect(ready.body).toMatchObject({ checks: { mongodb: { ok: true }, keyStore: { ok: true } } });
  });

  test('registers, and is who he is by his cookies alone', async () => {
    const browser = supertest.agent(server.url);
    const body = { username: 'newcomer', email: 'newcomer@example.org', password: 'Password123' };
    const made = await browser
      .post('/api/auth/register')
      .set('X-Token-Delivery', 'cookie')
      .send(body)
      .expect(201);
    expect(made.body).not.toHaveProperty('data.token');
    const me = await browser.get('/api/auth/me').expect(200);
    expect(me.body).toMatchObject({ success: true, data: { user: { username: 'newcomer' } } });
    await browser.post('/api/auth/logout').expect(200);
    await browser.get('/api/auth/me').expect(401);
  });
});
