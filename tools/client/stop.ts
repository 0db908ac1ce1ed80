/** Exit codes of the tools, after sysexits.h, so that scripts can tell a wrong call from a wrong result. */
export const exitCode = { ok: 0, failed: 1, usage: 64, unavailable: 69, tryLater: 75, config: 78 } as const;

/** Ends a tool: the message is for a person and says what to do. */
export class Stop extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
    this.name = 'Stop';
  }
}

/** Runs a tool and ends the process with its code; a `Stop` prints its message, anything else its stack. */
export async function runTool(main: () => Promise<number>): Promise<never> {
  try {
    process.exit(await main());
  } catch (error) {
    console.error(error instanceof Stop ? error.message : error);
    process.exit(error instanceof Stop ? error.code : exitCode.failed);
  }
}
