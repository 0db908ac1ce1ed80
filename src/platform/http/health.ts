import express, { type Router } from 'express';

/** One thing that must work for the server to be ready; answers the milliseconds a round trip took, or rejects. */
export type Check = { name: string; ping: () => Promise<number> };

type Deps = {
  version: string;
  /** `starting` and `draining` are not ready. */
  phase: () => 'starting' | 'up' | 'draining';
  checks: readonly Check[];
};

const CHECK_TIMEOUT_MS = 1_000;

/** GET /health, /healthz (alive) and /readyz (able to serve): open, cheap, outside every limit. */
export function healthRoutes({ version, phase, checks }: Deps): Router {
  const router = express.Router();
  const alive = {
    success: true,
    status: 'ok',
    version,
  };
  router.get(['/health', '/healthz'], (_request, response) => {
    const { rss, heapUsed } = process.memoryUsage();
    response.json({
      ...alive,
      uptime: Math.round(process.uptime()),
      timestamp: new Date().toISOString(),
      memory: { rss, heapUsed },
    });
  });

  router.get('/readyz', async (_request, response) => {
    const results = await Promise.all(checks.map(measure));
    const ready = phase() === 'up' && results.every((result) => result.ok);
    response.status(ready ? 200 : 503).json({
      success: ready,
      status: ready ? 'ready' : phase() === 'up' ? 'unavailable' : phase(),
      checks: Object.fromEntries(results.map(({ name, ok, latencyMs }) => [name, { ok, latencyMs }])),
    });
  });
  return router;
}

async function measure({
  name,
  ping,
}: Check): Promise<{ name: string; ok: boolean; latencyMs: number | null }> {
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(() => reject(new Error('too slow')), CHECK_TIMEOUT_MS).unref();
  });
  try {
    const latencyMs = await Promise.race([ping(), late]);
    return { name, ok: true, latencyMs: Math.round(latencyMs * 100) / 100 };
  } catch {
    return { name, ok: false, latencyMs: null };
  }
}
