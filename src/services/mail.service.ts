import { randomUUID } from 'node:crypto';
import type { MailTemplate, MailTemplates } from '../contract/mail.js';
import type { Clock } from '../platform/clock/clock.js';
import type { SealedBox } from '../platform/crypto/sealed-box.js';
import { preferredLanguage } from '../platform/language/accept-language.js';
import type { Logger } from '../platform/logging/logger.js';
import { mailLanguages, type MailLanguage } from '../presenters/mail.presenter.js';
import type { ParleyJobs } from './job-map.js';

export type { MailTemplates } from '../contract/mail.js';

/** Queues mail. Never waits for the mail server; a mail that can't be queued is logged and does not fail the request. */
export type Mailer = {
  /** `language`: an Accept-Language header; English when it names none of ours. */
  send<T extends MailTemplate>(mail: {
    to: string;
    template: T;
    vars: MailTemplates[T];
    language: string;
  }): Promise<void>;
};

/** What lies sealed in the queue. `at`: milliseconds since 1970. */
export type SealedMail = {
  to: string;
  template: MailTemplate;
  vars: MailTemplates[MailTemplate];
  language: MailLanguage;
  at: number;
};

/** A sealed mail opens as the one with this Message-ID only. */
export const mailContext = (messageId: string): string => `mail:${messageId}`;

type Deps = {
  jobs: ParleyJobs;
  box: SealedBox;
  /** Host part of Message-IDs; null = mail is off. */
  host: string | null;
  clock: Clock;
  logger: Logger;
};

/**
 * Invariants: the Message-ID is made here, once, so every copy of a mail that a crash may cause bears the same. Addresses,
 * names and codes are in the queue sealed only, and in no log.
 */
export function createMailer({ jobs, box, host, clock, logger }: Deps): Mailer {
  return {
    send: async ({ to, template, vars, language }) => {
      if (host === null) {
        logger.warn('mail is off: not sent', { template });
        return;
      }
      const id = randomUUID();
      const messageId = `<${id}@${host}>`;
      const mail: SealedMail = {
        ...{ to, template, vars, at: clock() },
        language: preferredLanguage(language, mailLanguages),
      };
      try {
        const sealed = box.seal(JSON.stringify(mail), mailContext(messageId));
        await jobs.add('mail.send', { messageId, sealed }, { id });
      } catch (error) {
        logger.error('a mail could not be queued', { template, messageId, error });
      }
    },
  };
}
