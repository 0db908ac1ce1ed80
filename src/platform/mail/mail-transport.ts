/** A finished mail. `messageId` with its angle brackets. */
export type OutgoingMail = {
  messageId: string;
  /** One bare address. */
  to: string;
  subject: string;
  text: string;
  html: string;
  /** A language tag such as `en`. */
  language: string;
  /** When it was asked for: the `Date` of every copy. */
  at: Date;
};

/** Hands mail to who delivers it. */
export type MailTransport = {
  /** Resolves when the other side has taken it. Rejects with `GiveUp` when trying again is pointless. */
  send(mail: OutgoingMail, options: { signal: AbortSignal }): Promise<void>;
  close(): void;
};
