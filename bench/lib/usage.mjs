/** What the kernel says about a process (Linux). */
import { readFileSync } from 'node:fs';

const TICK_MICROSECONDS = 10_000;

/** CPU time of all threads, user and system, in microseconds (in steps of 10,000); null for an unknown process. */
export function cpuMicroseconds(pid) {
  if (pid === null) return null;
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [userTicks, systemTicks] = [Number(fields[11]), Number(fields[12])];
  return (userTicks + systemTicks) * TICK_MICROSECONDS;
}
