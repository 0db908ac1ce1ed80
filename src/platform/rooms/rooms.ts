/** Names of Socket.IO rooms. Made here only, from ids the server knows: no client ever names a room. */
export const room = {
  /** All sockets of one user, on every node. */
  user: (userId: string): string => `u:${userId}`,
  /** All sockets of a chat's members. */
  chat: (chatId: string): string => `c:${chatId}`,
  /** Sockets that are told of this user's presence. */
  presence: (userId: string): string => `p:${userId}`,
  isPresence: (name: string): boolean => name.startsWith('p:'),
  /** The user of a user or presence room. */
  userOf: (name: string): string => name.slice(2),
} as const;
