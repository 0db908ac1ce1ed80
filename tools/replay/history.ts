import type { MessageView } from '../../src/contract/views.js';
import type { Rest } from '../client/rest.js';

const PAGE = 100;

/** A chat's messages by REST, from the first to the last. */
export async function readHistory(
  rest: Rest,
  chatId: string,
  { token, from }: { token: string; from?: string | undefined },
): Promise<MessageView[]> {
  const messages: MessageView[] = [];
  for (let more = true; more;) {
    const after = messages[messages.length - 1]?.seq ?? 0;
    const path = `/api/messages/${chatId}?limit=${PAGE}&after=${after}`;
    const page = await rest.ask<{ messages: MessageView[]; hasMore: boolean }>({
      method: 'GET',
      path,
      token,
      from,
    });
    messages.push(...page.messages);
    more = page.hasMore && page.messages.length > 0;
  }
  return messages;
}
