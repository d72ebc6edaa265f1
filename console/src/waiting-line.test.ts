// When too many wait for a lane, LOW goes before NORMAL, and the oldest of a level first.
import { expect, test } from 'vitest';
import type { ChatMessage, Level } from './message';
import { WaitingLine } from './waiting-line';

function message(id: string, level: Level): ChatMessage {
  return { id, level, time: 0, text: id, from: 'someone', name: 'Someone', mine: false };
}

function drain(line: WaitingLine): string {
  let ids = '';
  for (let next = line.shift(); next; next = line.shift()) ids += next.id;
  return ids;
}

test.each<[string, [string, Level][], string]>([
  [
    'in turn while there is room',
    [
      ['a', 'normal'],
      ['b', 'low'],
    ],
    'ab',
  ],
  [
    'LOW makes way',
    [
      ['a', 'normal'],
      ['b', 'low'],
      ['c', 'normal'],
    ],
    'ac',
  ],
  [
    'the oldest LOW makes way',
    [
      ['a', 'low'],
      ['b', 'low'],
      ['c', 'normal'],
    ],
    'bc',
  ],
  [
    'a new LOW finds no room among NORMAL',
    [
      ['a', 'normal'],
      ['b', 'normal'],
      ['c', 'low'],
    ],
    'ab',
  ],
  [
    'then the oldest NORMAL',
    [
      ['a', 'normal'],
      ['b', 'normal'],
      ['c', 'normal'],
    ],
    'bc',
  ],
])('%s', (_, pushed, expected) => {
  const line = new WaitingLine(2);
  for (const [id, level] of pushed) line.push(message(id, level));
  expect(drain(line)).toBe(expected);
});
