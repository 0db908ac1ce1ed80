import { action, type Action } from '../platform/actions/action.js';
import type { BlockService } from '../services/block.service.js';
import type { ContactService } from '../services/contact.service.js';
import type { NotificationService } from '../services/notification.service.js';
import { nothing } from '../validators/auth.validator.js';
import { pageInput, readNotificationsInput } from '../validators/contact.validator.js';
import { userRef } from '../validators/user.validator.js';

export type ContactActions = Record<
  | 'request'
  | 'accept'
  | 'decline'
  | 'remove'
  | 'list'
  | 'block'
  | 'unblock'
  | 'listBlocks'
  | 'listNotifications'
  | 'readNotifications',
  Action
>;

type Deps = { contacts: ContactService; blocks: BlockService; notifications: NotificationService };

export function createContactActions({ contacts, blocks, notifications }: Deps): ContactActions {
  return {
    request: action(userRef, async ({ actor, input }) => {
      const contact = await contacts.request(actor, input.id);
      return {
        message: contact.state === 'friends' ? 'You are contacts now.' : 'Request sent.',
        data: contact,
      };
    }),
    accept: action(userRef, async ({ actor, input }) => ({
      message: 'You are contacts now.',
      data: await contacts.accept(actor, input.id),
    })),
    decline: action(userRef, async ({ actor, input }) => ({
      message: 'Request declined.',
      data: await contacts.decline(actor, input.id),
    })),
    remove: action(userRef, async ({ actor, input }) => ({
      message: 'Contact removed.',
      data: await contacts.remove(actor, input.id),
    })),
    list: action(nothing, async ({ actor }) => ({
      message: 'Your contacts.',
      data: await contacts.list(actor),
    })),

    block: action(userRef, async ({ actor, input }) => {
      await blocks.block(actor, input.id);
      return { message: 'Blocked.', data: { userId: input.id, isBlocked: true } };
    }),
    unblock: action(userRef, async ({ actor, input }) => {
      await blocks.unblock(actor, input.id);
      return { message: 'No longer blocked.', data: { userId: input.id, isBlocked: false } };
    }),
    listBlocks: action(pageInput, async ({ actor, input }) => ({
      message: 'Whom you have blocked.',
      data: await blocks.list(actor, input),
    })),

    listNotifications: action(pageInput, async ({ actor, input }) => ({
      message: 'Notifications.',
      data: await notifications.list(actor, input),
    })),
    readNotifications: action(readNotificationsInput, async ({ actor, input }) => ({
      message: 'Marked as read.',
      data: await notifications.markRead(actor, input.ids),
    })),
  };
}
