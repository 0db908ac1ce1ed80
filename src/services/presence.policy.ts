import type { UserSettings } from '../contract/views.js';

/** Pure judgements about what of a person's presence somebody may know. */

/** `sight`: what the viewer is to the person (visibility.service). */
export function maySeeLastSeen(
  setting: UserSettings['lastSeen'],
  sight: 'nothing' | 'presence' | 'contact' | 'self',
): boolean {
  if (sight === 'self') return true;
  if (sight === 'nothing' || setting === 'nobody') return false;
  return setting === 'everyone' || sight === 'contact';
}
