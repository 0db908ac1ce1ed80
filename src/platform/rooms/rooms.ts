/** Names of Socket.IO rooms. Made here only, from ids the server knows: no client ever names a room. */
export const room = {
  /** All sockets of one user, on every node. */
  user: (userId: string): string => `u:${userId}`,
  /** All sockets of a chat's members. */
  chat: (chatId: string): string => `c:${chatId}`,
  /** Sockets that are told of this user's presence: of people who share a chat with him. */
  presence: (userId: string): string => `p:${userId}`,
  /** The same for his contacts, who may be told more. A socket is in one of the two at most. */
  contacts: (userId: string): string => `f:${userId}`,
  isPresence: (name: string): boolean => name.startsWith('p:'),
  isContacts: (name: string): boolean => name.startsWith('f:'),
  /** The user of a room of one user. */
  userOf: (name: string): string => name.slice(2),
} as const;
