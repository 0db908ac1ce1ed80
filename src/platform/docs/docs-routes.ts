import { Router } from 'express';
import type { Route } from '../http/http-door.js';
import type { EventTable } from '../realtime/event-door.js';
import { asyncApi } from './asyncapi.js';
import { docsPage } from './docs-page.js';
import { openApi, type About } from './openapi.js';

type Parts = {
  about: About;
  routes: readonly Route[];
  asked: EventTable;
  told: Readonly<Record<string, string>>;
};

/** GET /api/docs, /api/docs/openapi.json, /api/docs/asyncapi.json: made once, open to all, the same for everybody. */
export function docsRoutes(parts: Parts): Router {
  const { about, routes, asked, told } = parts;
  const router = Router();
  const page = docsPage(parts);
  const rest = openApi(about, routes);
  const events = asyncApi(about, asked, told);
  router.get('/api/docs', (_request, response) => void response.type('html').send(page));
  router.get('/api/docs/openapi.json', (_request, response) => void response.json(rest));
  router.get('/api/docs/asyncapi.json', (_request, response) => void response.json(events));
  return router;
}
