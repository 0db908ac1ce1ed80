/** Now, in milliseconds since 1970; an argument so that tests can move it. */
export type Clock = () => number;

export const systemClock: Clock = Date.now;
