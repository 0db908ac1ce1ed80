import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { aliasOf, castOf } from '../../tools/replay/cast.js';
import { joinLog, parseAnnotations, parseLine, parseLog } from '../../tools/replay/irc-log.js';
import { scriptOf } from '../../tools/replay/script.js';

const sample = new URL('../../tools/sample/ubuntu-2008-12-11', import.meta.url).href;
const bytesOf = (text: string): Buffer => Buffer.from(text, 'utf8');

describe('a line', () => {
  test.each([
    ['[08:24] <alfred_> yes I have', 'said', 'alfred_', 'yes I have'],
    ['[10:59] <[[mandrix]]> a <b> & "c" ', 'said', '[[mandrix]]', 'a <b> & "c" '],
    ['[10:59] <toad`>   three blanks before', 'said', 'toad`', '  three blanks before'],
    ['[10:59] <x>', 'said', 'x', ''],
    [
      '[10:59] <x> i ^Ht \u0008 \u0003\u007f\u2028\ufeff!',
      'said',
      'x',
      'i ^Ht \u0008 \u0003\u007f\u2028\ufeff!',
    ],
    ['[11:27]  * Panarchy says Hi', 'action', 'Panarchy', '* Panarchy says Hi'],
    ['[11:27] * Who[ares', 'action', 'Who[ares', '* Who[ares'],
    ['=== PKnull is now known as Pooky', 'system', null, '=== PKnull is now known as Pooky'],
    ['<nobody> without a time', 'system', null, '<nobody> without a time'],
    ['[10:59] < > no nick', 'system', null, '[10:59] < > no nick'],
    ['', 'system', null, ''],
  ])('%j is understood', (line, kind, nick, text) => {
    expect(parseLine(line)).toMatchObject({ kind, nick, text });
  });
});

describe('a file', () => {
  test('an end with or without a line feed, empty lines and carriage returns are kept', () => {
    expect(parseLog(bytesOf(''))).toEqual({ lines: [], closed: false, otherEncoding: [] });
    for (const text of ['a', 'a\n', '\n', '\n\na\r\n\n', '[10:00] <x> \n=== y']) {
      expect(joinLog(parseLog(bytesOf(text)))).toBe(text);
    }
    expect(parseLog(bytesOf('a\n\nb\n')).lines.map((line) => line.text)).toEqual(['a', '', 'b']);
  });

  test('a line that is not UTF-8 is windows-1252, and the others stay what they are', () => {
    const log = parseLog(
      Buffer.concat([bytesOf('[10:00] <a> año\n[10:00] <b> '), Buffer.from([0xe9, 0x80, 10]), bytesOf('ś')]),
    );
    expect(log.lines.map((line) => line.text)).toEqual(['año', 'é€', 'ś']);
    expect(log.otherEncoding).toEqual([1]);
  });

  test('a byte order mark is text', () => {
    expect(parseLog(bytesOf('\ufeff[10:00] <a> x')).lines[0]?.text).toBe('\ufeff[10:00] <a> x');
    expect(parseLog(bytesOf('[10:00] <a> \ufeffx')).lines[0]?.text).toBe('\ufeffx');
  });

  test('any lines joined again are the file', () => {
    const piece = fc.oneof(
      fc.constantFrom('[10:00] <', '[10:00]  * ', '> ', '===', ' ', '\r', '\ufeff', '\u2028', '\0'),
      fc.string({ unit: 'binary' }),
      fc.constant('\n'),
    );
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('').toWellFormed();
        const log = parseLog(bytesOf(text));
        expect(joinLog(log)).toBe(text);
        expect(log.lines).toHaveLength(text === '' ? 0 : text.split('\n').length - (log.closed ? 1 : 0));
      }),
    );
  });

  test('the sample joined again is the file, and holds every kind of line', async () => {
    const bytes = await readFile(new URL(`${sample}.raw.txt`));
    const log = parseLog(bytes);
    expect(bytesOf(joinLog(log)).equals(bytes)).toBe(true);
    expect(log).toMatchObject({ closed: true, otherEncoding: [] });
    expect(log.lines).toHaveLength(120);
    expect(new Set(log.lines.map((line) => line.kind))).toEqual(new Set(['said', 'action', 'system']));
  });
});

describe('annotations', () => {
  test('say what answers what; equal numbers start a conversation', () => {
    expect(parseAnnotations('0 0 -\n0 2 -\n1 3 - \n\n', 4)).toEqual({
      answers: new Map([
        [2, 0],
        [3, 1],
      ]),
      further: 0,
    });
  });

  test('a line that answers several gets the last of them, and the rest are counted', () => {
    expect(parseAnnotations('3 4 -\n1 4 -\n2 4 -\n', 5)).toEqual({ answers: new Map([[4, 3]]), further: 2 });
  });

  test.each(['1 x -', '1 2', '-1 2 -', '1 9 -'])('%j is refused by its line', (line) => {
    expect(() => parseAnnotations(`0 0 -\n${line}\n`, 5)).toThrow('line 2 ');
  });

  test('those of the sample are of the sample', async () => {
    const { answers } = parseAnnotations(await readFile(new URL(`${sample}.annotation.txt`), 'utf8'), 120);
    expect(answers.size).toBe(67);
    for (const [answering, answered] of answers) expect(answered).toBeLessThan(answering);
  });
});

describe('the script', () => {
  const lines = ['[10:00] <a> one', '', '[10:01] <b>  ', '[10:01]  * a two', '=== c'].map(parseLine);
  const script = scriptOf({ lines }, new Map([[3, 1]]), () => 'id');

  test('has every line but the empty ones, by the number it has in the file', () => {
    expect(script.blank).toBe(1);
    expect(script.cues.map(({ number, nick, text }) => [number, nick, text])).toEqual([
      [0, 'a', 'one'],
      [2, 'b', '[10:01] <b>  '],
      [3, 'a', '* a two'],
      [4, null, '=== c'],
    ]);
  });

  test('an answer to an empty line answers nothing', () => {
    expect(script.cues.every((cue) => cue.answers === null)).toBe(true);
  });
});

describe('the cast', () => {
  const valid = /^[A-Za-z0-9_.-]{3,30}$/;

  test('a nick that is a valid username is one; any other gets one of its own, the same every time', () => {
    const { nicks } = castOf(['alfred_', '[[mandrix]]', 'f', 'Bob', 'bob', 'channel', 'watcher-1']);
    expect(nicks.get('alfred_')).toMatchObject({ username: 'alfred_', firstName: 'alfred_' });
    expect(nicks.get('Bob')?.username).toBe('Bob');
    for (const nick of ['[[mandrix]]', 'f', 'bob', 'channel', 'watcher-1'])
      expect(nicks.get(nick)).toMatchObject({ username: aliasOf(nick), firstName: nick });
    expect(castOf(['f', 'x']).nicks.get('f')).toEqual(nicks.get('f'));
  });

  test('whatever the nicks are: valid, unique whatever the case, and shown as they are', () => {
    const nick = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 80 })
      .filter((it) => /^[^\s<>]+$/.test(it));
    fc.assert(
      fc.property(fc.array(nick), (nicks) => {
        const cast = castOf(nicks);
        const people = [...cast.observers, cast.channel, ...cast.nicks.values()];
        for (const { username, firstName, password } of people) {
          expect(username).toMatch(valid);
          expect([...firstName].length).toBeLessThanOrEqual(50);
          expect(password.length).toBeGreaterThan(20);
        }
        expect(new Set(people.map((person) => person.username.toLowerCase())).size).toBe(people.length);
        for (const [it, person] of cast.nicks) expect(it.startsWith(person.firstName)).toBe(true);
      }),
    );
  });
});
