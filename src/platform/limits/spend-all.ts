import type { Limits } from './limits.js';

/** To be called when what was spent on trial turned out well. */
export type GiveBack = () => Promise<void>;

/** Spends one of each allowance, or of none: throws LIMITED when one of them is exhausted. */
export async function spendAll<Name extends string>(
  limits: Limits<Name>,
  spends: readonly (readonly [Name, string])[],
): Promise<GiveBack> {
  const spent: (readonly [Name, string])[] = [];
  const giveBack = async (): Promise<void> => {
    await Promise.all(spent.map(([name, subject]) => limits.refund(name, subject)));
  };
  for (const spend of spends) {
    // Counted even when it is refused, as `spend` does; so it is given back with the others.
    spent.push(spend);
    try {
      await limits.spend(...spend);
    } catch (error) {
      await giveBack();
      throw error;
    }
  }
  return giveBack;
}
