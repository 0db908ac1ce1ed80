import type { SealedBox } from '../platform/crypto/sealed-box.js';
import type { Logger } from '../platform/logging/logger.js';
import type { MfaModel } from '../models/mfa.model.js';
import type { Id } from '../models/ids.js';
import { mfaContext } from './second-factor.js';

type Deps = { mfa: MfaModel; box: SealedBox; logger: Logger };

const PAGE = 200;

/**
 * Seals with the current key whatever an older one has sealed, so that the older one can be taken out of
 * DATA_ENCRYPTION_KEY. May run on several nodes at once. What no key opens is left as it is, counted and logged.
 */
export async function resealSecrets({ mfa, box, logger }: Deps): Promise<void> {
  const count = { resealed: 0, lost: 0 };
  let after: Id | null = null;
  for (;;) {
    const page: Awaited<ReturnType<MfaModel['page']>> = await mfa.page(after, PAGE);
    for (const { _id, mfa: stored } of page) {
      if (stored === undefined || box.isCurrent(stored.secret)) continue;
      const userId = _id.toHexString();
      const to = resealed(box, stored.secret, mfaContext(userId));
      if (to === null) count.lost += 1;
      else await mfa.reseal({ userId, setupId: stored.setupId }, { from: stored.secret, to });
      if (to !== null) count.resealed += 1;
    }
    const last = page.at(-1);
    if (last === undefined) break;
    after = last._id;
  }
  if (count.resealed > 0)
    logger.info('secrets of two-step sign-in are sealed with the new key', { count: count.resealed });
  if (count.lost > 0) {
    logger.error(
      'no key in DATA_ENCRYPTION_KEY opens some secrets of two-step sign-in: put the old key back behind the new one',
      { count: count.lost },
    );
  }
}

function resealed(box: SealedBox, sealed: string, context: string): string | null {
  try {
    return box.seal(box.open(sealed, context), context);
  } catch {
    return null;
  }
}
