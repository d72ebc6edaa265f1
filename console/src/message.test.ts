// Messages of this page and of any other client of the room become what the page shows.
import { Message, RecalledMessage, TextMessage } from 'leancloud-realtime';
import { expect, test } from 'vitest';
import { compose, read } from './message';

function received<T extends Message>(message: T, from: string): T {
  return Object.assign(message, { id: 'id', from, timestamp: new Date(1_800_000_000_000) });
}

test('level and name travel with the text', () => {
  const payload = compose('hello', 'Ann', 'high').getPayload();
  const sent = new TextMessage('hello');
  sent.setAttributes((payload as { _lcattrs: object })._lcattrs);
  expect(read(received(sent, 'demo-1'), 'demo-1')).toEqual({
    id: 'id',
    from: 'demo-1',
    name: 'Ann',
    text: 'hello',
    level: 'high',
    time: 1_800_000_000_000,
    mine: true,
  });
});

test.each<[string, unknown, string, string]>([
  ['no attributes', undefined, 'tom', 'normal'],
  ['attributes of other types', { name: 7, level: 'loud' }, 'tom', 'normal'],
  ['attributes that are no object', 'high', 'tom', 'normal'],
  ['an empty name', { name: '  ', level: 'low' }, 'tom', 'low'],
  ['a name without end', { name: 'x'.repeat(99) }, 'x'.repeat(40), 'normal'],
])('a text from another app with %s is shown', (_, attributes, name, level) => {
  const message = new TextMessage('hi').setAttributes(attributes as object);
  expect(read(received(message, 'tom'), 'me')).toMatchObject({ name, level, text: 'hi', mine: false });
});

test('a plain text message is shown, an object, an empty and a recalled one are not', () => {
  expect(read(received(new Message('plain'), 'tom'), 'me')).toMatchObject({ text: 'plain' });
  expect(read(received(new Message({ score: 1 }), 'tom'), 'me')).toBeUndefined();
  expect(read(received(new TextMessage('  '), 'tom'), 'me')).toBeUndefined();
  expect(read(received(new RecalledMessage(undefined), 'tom'), 'me')).toBeUndefined();
});
