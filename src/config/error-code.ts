/** ENOENT, EACCES and the like. Not by `instanceof`: errors of Node itself may belong to another realm than ours. */
export function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error
    ? String(error.code)
    : 'unknown error';
}
