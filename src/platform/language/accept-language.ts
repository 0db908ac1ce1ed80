/**
 * The best of `available` (primary tags such as `de`; the first is the default) for an Accept-Language header. A region
 * is as good as its language: `de-AT` finds `de`. `q=0` rules a language out.
 */
export function preferredLanguage<const L extends string>(
  header: string,
  available: readonly [L, ...L[]],
): L {
  const wishes = header
    .slice(0, LONGEST)
    .split(',')
    .map(wishOf)
    .filter((wish) => wish !== null)
    .sort((a, b) => b.quality - a.quality);
  const refused = new Set(wishes.filter(({ quality }) => quality === 0).map(({ tag }) => tag));
  const allowed = available.filter((each) => !refused.has(each));
  for (const { tag, quality } of wishes) {
    if (quality === 0) break;
    const found = tag === '*' ? allowed[0] : allowed.find((each) => each === tag);
    if (found !== undefined) return found;
  }
  return available[0];
}

const LONGEST = 500;

function wishOf(part: string): { tag: string; quality: number } | null {
  const [, tag, quality = '1'] =
    /^\s*([a-z]{1,8}|\*)(?:-[a-z\d-]*)?\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?$/i.exec(part) ?? [];
  return tag === undefined ? null : { tag: tag.toLowerCase(), quality: Math.min(1, Number(quality)) };
}
