const minBytes = 32;
const placeholder =
  /change.?(me|this|it)|your.?(super|secret|own|jwt|access|refresh|key|long)|placeholder|example|insecure/i;

/** True for `abcabcabc…`: a short piece said again and again is as guessable as the piece. */
function repeats(secret: string): boolean {
  for (let period = 1; period <= 12 && period * 2 <= secret.length; period += 1) {
    if (
      secret ===
      secret
        .slice(0, period)
        .repeat(Math.ceil(secret.length / period))
        .slice(0, secret.length)
    )
      return true;
  }
  return false;
}

/**
 * Why this text must not sign tokens, as the end of a sentence, or null. The text itself is never repeated.
 * It catches what people really leave in place (samples, short words, repetitions); it can't prove randomness.
 */
export function weakness(secret: string): string | null {
  const size = Buffer.byteLength(secret, 'utf8');
  if (size < minBytes) return `is too short: ${size} bytes, at least ${minBytes} are needed`;
  if (placeholder.test(secret)) return 'is a sample value that everyone knows';
  return repeats(secret) || new Set(secret).size < 8 ? 'repeats itself and is easily guessed' : null;
}
