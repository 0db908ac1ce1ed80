import { LRUCache } from 'lru-cache';
import type { Clock } from '../platform/clock/clock.js';
import type { SealedBox } from '../platform/crypto/sealed-box.js';
import { key } from '../platform/keys/keys.js';
import type { KeyStore } from '../platform/keystore/key-store.js';
import type { Logger } from '../platform/logging/logger.js';
import type { MailTransport } from '../platform/mail/mail-transport.js';
import { GiveUp } from '../platform/queue/jobs.js';
import type { MailPresenter } from '../presenters/mail.presenter.js';
import type { JobMap } from './job-map.js';
import { mailContext, type SealedMail } from './mail.service.js';

/**
 * The other end of the mail queue.
 *
 * Invariant: a mail that the server has taken is marked by its Message-ID, and what is marked is not sent again. Only a
 * crash between the two, or a key store that is away just then, leads to a second copy, which bears the same Message-ID.
 * A code that no longer works is not sent: it would arrive after the one that was asked for in its place.
 */
export type MailDelivery = {
  deliver(mail: JobMap['mail.send'], options: { signal: AbortSignal }): Promise<void>;
};

type Deps = {
  box: SealedBox;
  keyStore: KeyStore;
  presenter: MailPresenter;
  /** Null: this process has no mail server. */
  transport: MailTransport | null;
  clock: Clock;
  logger: Logger;
};

/** Longer than all tries take, and than a dead letter is likely to wait for its requeue. */
const MARK_MS = 14 * 86_400_000;
const REMEMBERED = 10_000;

export function createMailDelivery({
  box,
  keyStore,
  presenter,
  transport,
  clock,
  logger,
}: Deps): MailDelivery {
  /** What this process sent, for when the mark could not be made. */
  const sentHere = new LRUCache<string, true>({ max: REMEMBERED });

  async function mark(messageId: string): Promise<void> {
    sentHere.set(messageId, true);
    try {
      await keyStore.set(key.mailSent(messageId), '1', { ttlMs: MARK_MS });
    } catch (error) {
      logger.warn('a mail was sent, but could not be marked as sent', { messageId, error });
    }
  }

  return {
    deliver: async ({ messageId, sealed }, { signal }) => {
      if (sentHere.has(messageId) || (await keyStore.get(key.mailSent(messageId))) !== null) return;
      if (transport === null) throw new Error('This process has no mail server (SMTP_URL).');
      const mail = opened(box, messageId, sealed);
      if (isTooLate(mail, clock())) {
        logger.warn('a mail is not sent: its code has expired', { messageId, template: mail.template });
        return;
      }
      await transport.send(
        {
          ...presenter.present(mail),
          ...{ messageId, to: mail.to, language: mail.language, at: new Date(mail.at) },
        },
        { signal },
      );
      await mark(messageId);
      logger.info('mail sent', { messageId, template: mail.template });
    },
  };
}

function isTooLate({ vars, at }: SealedMail, now: number): boolean {
  return 'minutes' in vars && now > at + vars.minutes * 60_000;
}

function opened(box: SealedBox, messageId: string, sealed: string): SealedMail {
  try {
    return JSON.parse(box.open(sealed, mailContext(messageId))) as SealedMail;
  } catch (error) {
    throw new GiveUp('No key opens this mail: was DATA_ENCRYPTION_KEY replaced rather than rotated?', {
      cause: error,
    });
  }
}
