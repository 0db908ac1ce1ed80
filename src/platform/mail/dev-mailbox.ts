import type { SealedBox } from '../crypto/sealed-box.js';
import { key } from '../keys/keys.js';
import type { KeyStore } from '../keystore/key-store.js';
import type { MailTransport, OutgoingMail } from './mail-transport.js';

/** `at` in ISO 8601. */
export type KeptMail = Omit<OutgoingMail, 'at'> & { at: string };

/** Development without a mail server: mail is printed and kept for a day, for GET /dev/mailbox. */
export type DevMailbox = {
  readonly transport: MailTransport;
  /** The last 200, newest first; of all processes that share the key store. */
  list: () => Promise<KeptMail[]>;
};

const KEPT_MS = 86_400_000;
const SHOWN = 200;

/** `print` writes to the console, and nowhere else. In the key store the mails are sealed, like everything with a code in it. */
export function createDevMailbox(deps: {
  keyStore: KeyStore;
  box: SealedBox;
  print: (text: string) => void;
}): DevMailbox {
  const { keyStore, box, print } = deps;
  return {
    transport: {
      send: async (mail) => {
        const { messageId: id } = mail;
        const kept: KeptMail = { ...mail, at: mail.at.toISOString() };
        await keyStore.set(key.devMail(id), box.seal(JSON.stringify(kept), `dev mail:${id}`), {
          ttlMs: KEPT_MS,
        });
        await keyStore.leaseAdd(key.devMailbox, id, KEPT_MS);
        print(block(mail));
      },
      close: () => undefined,
    },
    list: async () => {
      const ids = (await keyStore.leaseMembers(key.devMailbox)).slice(-SHOWN).reverse();
      const sealed = await keyStore.getMany(ids.map(key.devMail));
      return ids.flatMap((id, index) => {
        const mail = sealed[index];
        return mail ? [JSON.parse(box.open(mail, `dev mail:${id}`)) as KeptMail] : [];
      });
    },
  };
}

/** For a person at a terminal: control characters, which could redraw it, are taken out. */
function block({ to, subject, text }: OutgoingMail): string {
  const lines = [`To:      ${to}`, `Subject: ${subject}`, '', ...text.trim().split('\n')];
  const plain = lines.map((line) => `  │ ${line.replace(/\p{Cc}/gu, ' ')}`.trimEnd());
  return ['', '  ┌─ Mail (no SMTP_URL: shown here and at /dev/mailbox)', ...plain, '  └─', '', ''].join('\n');
}
