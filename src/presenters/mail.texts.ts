import type { MailTemplate, MailTemplates } from '../contract/mail.js';

/** What one mail says, as plain text: the presenter escapes it, and takes line breaks out of it. */
export type MailText = {
  subject: string;
  /** Paragraphs before the code and the facts. */
  before: readonly string[];
  /** Shown large. */
  code?: string;
  /** Label → value. */
  facts?: readonly (readonly [string, string])[];
  /** Paragraphs after them. */
  after?: readonly string[];
};

/** One language: every mail, and what stands around it. */
export type MailTexts = {
  greeting(name: string): string;
  /** Before the name of the product, which stands alone in the next line. */
  signature: string;
  /** Where the mail comes from and why. */
  footer(product: string, link: string): string;
  mails: {
    readonly [T in MailTemplate]: (
      vars: MailTemplates[T],
      format: { time: (iso: string) => string },
    ) => MailText;
  };
};
