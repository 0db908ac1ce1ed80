import type { NotificationView, PublicUser } from '../contract/views.js';
import type { NotificationDoc } from '../models/notification.model.js';

/** A notification for the user it is for. `from`: whom it is from, as he may see him. */
export function presentNotification(
  notification: NotificationDoc,
  from: PublicUser | null,
): NotificationView {
  return {
    _id: notification._id.toHexString(),
    kind: notification.kind,
    from,
    chatId: notification.chat?.toHexString() ?? null,
    messageId: notification.message?.toHexString() ?? null,
    text: notification.text ?? null,
    isRead: notification.readAt !== null,
    createdAt: notification._id.getTimestamp().toISOString(),
  };
}
