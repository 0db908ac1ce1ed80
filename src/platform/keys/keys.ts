/**
 * Names of keys in the key store: made here only, so no string is spelt twice. KEY_PREFIX is put before them by the
 * store. Operators rely on the first six; e-mail addresses arrive normalised (trimmed, lower case).
 */
export const key = {
  /** A registration that waits for its code. */
  register: (email: string): string => `register:${email}`,
  /** There while no other code may be sent to the address. */
  registerLimit: (email: string): string => `register:ratelimit:${email}`,
  /** SHA-256 of the session's present refresh token. */
  refresh: (userId: string, sessionId: string): string => `refresh:${userId}:${sessionId}`,
  /** Profile cache. */
  user: (userId: string): string => `user:${userId}`,
  /** Members cache of a chat. */
  room: (chatId: string): string => `room:${chatId}`,
  /** Chat list cache of a user. */
  chats: (userId: string): string => `chats:${userId}`,

  /** Lease set of the nodes that live. */
  nodes: 'nodes',
  /** Lease set of the users with a socket on the node. */
  nodeUsers: (nodeId: string): string => `node:${nodeId}:users`,
  /** Lease set of the nodes on which the user has a socket. */
  presence: (userId: string): string => `presence:${userId}`,
  /** The status the user chose. */
  status: (userId: string): string => `status:${userId}`,
  /** Lease set of the users who have chosen to be unseen. */
  unseen: 'unseen',
  /** What `subject` (an address, an account, a user) has used up of the allowance called `name`. */
  limit: (name: string, subject: string): string => `limit:${name}:${subject}`,
  /** Lease set of the user's sockets, each as node:socket. */
  sockets: (userId: string): string => `sockets:${userId}`,
  /** A new password that waits for its code. */
  reset: (email: string): string => `reset:${email}`,
  /** A new address that waits for its code. */
  changeEmail: (userId: string): string => `change-email:${userId}`,
  /** Tries used up at a code (its id; the subject where there is none), by those who share them. */
  codeTries: (purpose: string, id: string, lane: string): string => `code:tries:${purpose}:${id}:${lane}`,
  /** There while no other code for `purpose` may be sent for the subject. */
  codePause: (purpose: string, subject: string): string => `code:pause:${purpose}:${subject}`,
  /** There once the mail server has taken the mail: it is not sent again. */
  mailSent: (messageId: string): string => `mail:sent:${messageId}`,
  /** Development only: the mails that were not sent, sealed, and the set of their ids. */
  devMail: (id: string): string => `dev:mail:${id}`,
  devMailbox: 'dev:mailbox',
  /** Two-step sign-in that waits for its first code. */
  mfaSetup: (userId: string): string => `mfa:setup:${userId}`,
  /** Between password and second factor, by the hash of the ticket. */
  mfaTicket: (hash: string): string => `mfa:ticket:${hash}`,
  lock: (name: string): string => `lock:${name}`,
} as const;

/** Names of pub/sub channels, prefixed by the store like keys. */
export const channel = {
  /** What every node hears. */
  cluster: 'cluster',
  /** What one node hears: answers to its questions. */
  clusterReply: (nodeId: string): string => `cluster:reply:${nodeId}`,
} as const;
