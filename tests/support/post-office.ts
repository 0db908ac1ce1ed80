import { createSecretKey, randomBytes } from 'node:crypto';
import { wireMail } from '../../src/app/wire-mail.js';
import { loadConfig } from '../../src/config/config.js';
import { jobHandlers } from '../../src/jobs/index.js';
import { createModels } from '../../src/models/index.js';
import { systemClock } from '../../src/platform/clock/clock.js';
import { createSealedBox } from '../../src/platform/crypto/sealed-box.js';
import { openKeyStore, type OpenedKeyStore } from '../../src/platform/keystore/open-key-store.js';
import { silentLogger, type Logger } from '../../src/platform/logging/logger.js';
import type { JobQueue, JobTable } from '../../src/platform/queue/jobs.js';
import { openQueue } from '../../src/platform/queue/open-queue.js';
import { jobTable, queueTable, type JobMap } from '../../src/services/job-map.js';
import type { Mailer } from '../../src/services/mail.service.js';
import type { TestDatabase } from './database.js';

/** One process's share of the mail: what create-app wires, without the doors. */
export type PostOffice = Readonly<{
  mailer: Mailer;
  queue: JobQueue<JobMap>;
  keyStore: OpenedKeyStore;
  close(): Promise<void>;
}>;

type Options = {
  database: TestDatabase;
  redisUrl?: string | undefined;
  /** Further variables: SMTP_URL, MAIL_FROM, KEY_PREFIX … */
  env?: Record<string, string>;
  /** False: only adds, as a process without the role `notifications`. */
  works?: boolean;
  /** 32 bytes each; the first seals. */
  keys?: readonly Buffer[];
  table?: JobTable<JobMap>;
  logger?: Logger;
};

/** The key of all post offices of this run, unless told otherwise: nodes of one deployment share theirs. */
const sharedKey = randomBytes(32);

/** Tries again within milliseconds: the schedule itself has a test of its own. */
const quickTable: JobTable<JobMap> = {
  'mail.send': { ...jobTable['mail.send'], backoff: { firstMs: 20, factor: 1.5 } },
};

export async function openPostOffice(options: Options): Promise<PostOffice> {
  const { database, redisUrl, env = {}, works = true, keys = [sharedKey], logger = silentLogger } = options;
  const config = loadConfig({
    NODE_ENV: 'test',
    LOG_DIR: 'off',
    MONGODB_URI: database.uri,
    JWT_SECRET: 'a secret of the tests, long enough to be taken for a real one',
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
    ...env,
  });
  const models = createModels((await database.connect()).connection);
  const keyStore = await openKeyStore({ redis: config.redis, keyPrefix: config.keyPrefix, logger });
  const queue = await openQueue({
    connections: keyStore.connections,
    keyPrefix: config.keyPrefix,
    store: models.jobs,
    ...{ table: options.table ?? quickTable, queues: queueTable, clock: systemClock, logger },
  });
  const box = createSealedBox(keys.map((bytes) => createSecretKey(bytes)));
  const mail = wireMail({ config, jobs: queue, keyStore, box, clock: systemClock, logger });
  if (works) await queue.work(jobHandlers({ mail: mail.delivery }));
  return {
    ...{ mailer: mail.mailer, queue, keyStore },
    close: async () => {
      await queue.drain();
      await queue.close();
      mail.close();
      await keyStore.close();
    },
  };
}
