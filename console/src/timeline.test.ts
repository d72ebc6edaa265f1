// The list keeps the order of the room through duplicates, gaps, edits and recalls.
import { expect, test } from 'vitest';
import type { ChatMessage } from './message';
import { Timeline } from './timeline';

function message(id: string, time: number, text = id): ChatMessage {
  return { id, time, text, from: 'someone', name: 'Someone', level: 'normal', mine: false };
}

function ids(timeline: Timeline): string[] {
  return timeline.messages.map(({ id }) => id);
}

test('messages stand in the order of time, each once', () => {
  const timeline = new Timeline(10);
  expect(timeline.add(message('b', 2))).toBe(true);
  expect(timeline.add(message('a', 1))).toBe(true);
  expect(timeline.add(message('c', 2))).toBe(true);
  expect(timeline.add(message('a', 1))).toBe(false);
  expect(ids(timeline)).toEqual(['a', 'b', 'c']);
});

test('the oldest go when there are too many', () => {
  const timeline = new Timeline(2);
  for (const id of ['1', '2', '3']) timeline.add(message(id, Number(id)));
  expect(ids(timeline)).toEqual(['2', '3']);
});

test('a page that reaches back to the gap fills it', () => {
  const timeline = new Timeline(10);
  timeline.catchUp([message('1', 1), message('2', 2)], true);
  timeline.markGap();
  timeline.catchUp([message('2', 2), message('3', 3)], false);
  expect(ids(timeline)).toEqual(['1', '2', '3']);
});

test('what lies before a gap that the page does not close goes', () => {
  const timeline = new Timeline(10);
  timeline.add(message('1', 1));
  timeline.markGap();
  // Redelivered before the history came: it must not pass for the end of what was seen.
  timeline.add(message('8', 8));
  timeline.markGap();
  timeline.catchUp([message('7', 7), message('8', 8)], false);
  expect(ids(timeline)).toEqual(['7', '8']);
});

test('a whole history closes any gap', () => {
  const timeline = new Timeline(10);
  timeline.markGap();
  timeline.add(message('9', 9));
  timeline.catchUp([message('7', 7)], true);
  expect(ids(timeline)).toEqual(['7', '9']);
});

test('edits and recalls change the list, also those of unknown messages', () => {
  const timeline = new Timeline(10);
  timeline.add(message('1', 1));
  timeline.add(message('2', 2));
  timeline.replace(message('1', 1, 'edited'));
  timeline.replace(message('0', 0));
  timeline.remove('2');
  timeline.remove('3');
  expect(timeline.messages.map(({ text }) => text)).toEqual(['edited']);
});
