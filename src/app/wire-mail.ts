import type { Config } from '../config/config.js';
import type { Clock } from '../platform/clock/clock.js';
import type { SealedBox } from '../platform/crypto/sealed-box.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Logger } from '../platform/logging/logger.js';
import { createDevMailbox, type DevMailbox } from '../platform/mail/dev-mailbox.js';
import type { MailTransport } from '../platform/mail/mail-transport.js';
import { createSmtpTransport } from '../platform/mail/smtp-transport.js';
import { createMailPresenter } from '../presenters/mail.presenter.js';
import type { ParleyJobs } from '../services/job-map.js';
import { createMailDelivery } from '../services/mail.delivery.js';
import { createMailer } from '../services/mail.service.js';

type Deps = {
  config: Config;
  jobs: ParleyJobs;
  keyStore: KeyStore;
  box: SealedBox;
  clock: Clock;
  logger: Logger;
};

/**
 * Both ends of the mail queue, and what stands between it and people: an SMTP server, in development without one a
 * mailbox of our own, otherwise nothing.
 */
export function wireMail({ config, jobs, keyStore, box, clock, logger }: Deps) {
  const mailbox =
    config.mail === null && config.env === 'development'
      ? createDevMailbox({ keyStore, box, print: (text) => void process.stdout.write(text) })
      : null;
  const transport = transportOf(config, mailbox);
  if (transport === null) logger.warn('mail is off: SMTP_URL is not set');
  return {
    mailer: createMailer({ jobs, box, host: transport === null ? null : hostOf(config), clock, logger }),
    delivery: createMailDelivery({
      presenter: createMailPresenter({
        link: config.server.publicUrl ?? `http://localhost:${config.server.port}`,
      }),
      ...{ box, keyStore, transport, clock, logger },
    }),
    mailbox,
    close: () => transport?.close(),
  };
}

function transportOf({ mail, env }: Config, mailbox: DevMailbox | null): MailTransport | null {
  if (mail === null) return mailbox?.transport ?? null;
  return createSmtpTransport({ ...mail, anyCertificate: env !== 'production' });
}

/** Of the sender's address: Message-IDs bear it. */
function hostOf({ mail }: Config): string {
  return /@([^\s<>@]+)>?\s*$/.exec(mail?.from ?? '')?.[1] ?? 'localhost';
}
