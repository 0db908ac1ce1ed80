/** What a run says: tables, verdicts, breakages; kept for the JSON file too. */
import { writeFile } from 'node:fs/promises';
import { median, spread } from './numbers.mjs';

export function createReport() {
  const kept = {
    startedAt: new Date().toISOString(),
    node: process.version,
    tables: [],
    verdicts: [],
    broken: [],
  };

  return {
    /** @param {{ title: string, columns: string[], rows: string[][] }} table */
    table: (table) => {
      kept.tables.push(table);
      console.log(`\n${table.title}\n${layOut([table.columns, ...table.rows])}`);
    },

    /**
     * @param {string} label
     * @param {number[]} values one a round; the median counts
     * @param {{ atMost?: number, atLeast?: number }} target
     */
    verdict: (label, values, { atMost, atLeast }) => {
      const value = median(values);
      const met = atMost === undefined ? value >= atLeast : value <= atMost;
      const target = atMost === undefined ? `≥ ${atLeast.toFixed(1)}` : `≤ ${atMost.toFixed(1)}`;
      kept.verdicts.push({ label, target, value, values, met });
      console.log(`${label}: target ${target}: ${spread(values, 2)} ${met ? 'ok' : 'MISSED'}`);
    },

    /** Something that must not be, such as a lost message: the run ends with exit code 1. */
    broken: (what) => {
      kept.broken.push(what);
      console.error(`BROKEN ${what}`);
    },

    isBroken: () => kept.broken.length > 0,
    save: (file) => writeFile(file, `${JSON.stringify(kept, null, 2)}\n`),
  };
}

function layOut(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
      .join('  ');
  return [
    line(rows[0]),
    widths.map((width) => '-'.repeat(width)).join('  '),
    ...rows.slice(1).map(line),
  ].join('\n');
}
