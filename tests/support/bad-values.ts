import type { Capability } from './doors.js';

/** A word that no answer may contain when it was part of a refused value. */
export const canary = 'c4n4ry';

const id = '0123456789abcdef01234567';
const nested = (depth: number): unknown => {
  let value: unknown = canary;
  for (let i = 0; i < depth; i += 1) value = [value];
  return value;
};
const polluting: unknown = JSON.parse(
  `{"__proto__":{"polluted":"${canary}"},"constructor":{"prototype":{"polluted":"${canary}"}}}`,
);
const objects = [
  ...[{}, { $ne: canary }, { $gt: '' }, { $in: [canary] }, { $where: canary }, { toString: canary }],
  ...[{ length: 3 }, polluting, { deep: nested(1_000) }],
];
const lists = [[], [canary], [[canary]], [{ $ne: canary }], nested(1_000)];
const notText = [true, false, 0, 7, -1, 1.5, 1e21, ...lists, ...objects];
const long = canary.repeat(1_800);
const loneSurrogate = `${canary}\ud800`;

const notAnId = ['', canary, id.slice(1), `${id}0`, `0x${id.slice(2)}`, `${id}\0`, `${id} `, `\n${id}`];

/** What no field of the kind takes; for optional ones null is no mistake. */
export const badValues = {
  id: [...notText, ...notAnId, long, loneSurrogate],
  ids: [
    ...[true, 7, id, canary, long, ...objects, [canary], [1], [[id]], [id, null], [{ $ne: canary }]],
    ...[{ 0: id, length: 1 }, notAnId, Array.from({ length: 10_001 }, () => id)],
  ],
  uuid: [
    ...notText,
    '',
    canary,
    id,
    'f47ac10b58cc4372a5670e02b2c3d479',
    'f47ac10b-58cc-4372-a567-0e02b2c3d47g',
  ],
  content: [
    ...[
      true,
      0,
      7,
      ...lists,
      ...objects,
      ...notText.map((text) => ({ text })),
      { text: '' },
      { text: ' \n' },
    ],
    ...['', ' ', '\t\r\n', '\0', ' \0 ', '\u00a0', long, 'ä'.repeat(5_001), '👋'.repeat(5_001)],
  ],
  name: [...notText, '', ' ', '\0', long, 'n'.repeat(101)],
  description: [...notText, long, 'd'.repeat(1_001)],
  search: [...notText, '', ' ', '\0', long],
  number: [
    ...[true, ...lists, ...objects, -1, 1.5, 1e21, -0.5, '', ' ', canary, '1.5', '1e3', '0x10', ' 5', '5 '],
    ...['٣', '9'.repeat(20), long, loneSurrogate],
  ],
  mark: [
    ...[true, ...lists, ...objects, -1, 1.5, 1e21, '', canary, '-1', '1.5', '9'.repeat(16), '2024-13-45'],
    ...['2024-01-01T99:99:99Z', `${id}0`, long, loneSurrogate],
  ],
  revs: [
    ...[true, 7, canary, long, [], [1], [{ [id]: 1 }], { [canary]: 1 }, { [id]: -1 }, { [id]: 1.5 }],
    ...[{ [id]: '1' }, { [id]: { $gt: 0 } }, { [id]: null }, { [id]: [1] }, { $ne: 1 }, polluting],
  ],
  word: [...notText, '', canary, 'OWNER', 'owner ', '__proto__', 'constructor', long, loneSurrogate],
  username: [...notText, '', 'ab', 'a'.repeat(31), 'with blank', 'ümlaut', 'a/b', 'nul\0', `${canary}\n`],
  // Read as one line: what is blank in it may still be an empty text, which takes the name away.
  line: [...notText, long, 'n'.repeat(51), '\u200d\u200c', '\u3164', '\ufe0f'],
  statusText: [...notText, long, 'n'.repeat(101), '\u2800'],
  bio: [...notText, long, 'n'.repeat(151)],
  settings: [
    ...[true, 7, canary, long, ...lists, ...objects, { lastSeen: canary }, { lastSeen: ['nobody'] }],
    ...[{ lastSeen: 'nobody', [canary]: 1 }, { lastSeen: { $ne: 'nobody' } }, { lastSeen: null }],
  ],
  boolean: [0, 1, 1.5, 'true', 'false', '', canary, long, ...lists, ...objects],
  cursor: [...notText, '', canary, `${canary}!`, long, Buffer.from(`1:${canary}`).toString('base64url')],
} as const satisfies Record<string, readonly unknown[]>;

export type Kind = keyof typeof badValues;

/** Every field of every input; `?` marks those that may be left out. */
export const fieldsOf: Record<Capability, Record<string, Kind | `${Kind}?`>> = {
  send: { chatId: 'id', content: 'content', clientMessageId: 'uuid?', replyTo: 'id?', mentions: 'ids?' },
  history: { chatId: 'id', before: 'mark?', after: 'mark?', around: 'mark?', limit: 'number?' },
  changes: { chatId: 'id', since: 'number?', limit: 'number?' },
  read: { chatId: 'id', seq: 'number' },
  delivered: { chatId: 'id', seq: 'number' },
  sync: { chats: 'revs?' },
  createChat: { userId: 'id?', users: 'ids?', chatName: 'name?', description: 'description?' },
  listChats: { limit: 'number?', cursor: 'cursor?', page: 'number?' },
  getChat: { chatId: 'id' },
  updateChat: { chatId: 'id', chatName: 'name?', description: 'description?' },
  deleteChat: { chatId: 'id' },
  switchChat: { chatId: 'id', muted: 'boolean?', pinned: 'boolean?', archived: 'boolean?' },
  addMembers: { chatId: 'id', users: 'ids' },
  removeMember: { chatId: 'id', userId: 'id' },
  setRole: { chatId: 'id', userId: 'id', role: 'word' },
  searchUsers: { search: 'search', limit: 'number?' },
  getUser: { id: 'id' },
  updateProfile: {
    ...{ username: 'username?', firstName: 'line?', lastName: 'line?', bio: 'bio?' },
    ...{ statusText: 'statusText?', settings: 'settings?' },
  },
  setStatus: { status: 'word' },
  requestContact: { id: 'id' },
  acceptContact: { id: 'id' },
  declineContact: { id: 'id' },
  removeContact: { id: 'id' },
  listContacts: {},
  block: { id: 'id' },
  unblock: { id: 'id' },
  listBlocks: { limit: 'number?', cursor: 'cursor?' },
  listNotifications: { limit: 'number?', cursor: 'cursor?' },
  readNotifications: { ids: 'ids?' },
};
