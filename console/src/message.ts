// A message as this page shows it, and how one is read from the SDK's.
import { BinaryMessage, RecalledMessage, TextMessage, TypedMessage, type Message } from 'leancloud-realtime';

export type Level = 'low' | 'normal' | 'high';

export const levels: readonly Level[] = ['low', 'normal', 'high'];

export interface ChatMessage {
  id: string;
  /** The sender's client id. */
  from: string;
  /** What the sender wants to be called. */
  name: string;
  text: string;
  level: Level;
  /** Milliseconds since 1970, by the server's clock. */
  time: number;
  mine: boolean;
}

/** The longest name that is shown: somebody else's page may allow more than ours. */
const NAME_LENGTH = 40;

/**
 * A priority travels beside a message and is not handed to those who receive it, so the level (and the
 * name, since client ids are for machines) goes along in the message's attributes.
 */
export function compose(text: string, name: string, level: Level): TextMessage {
  const message = new TextMessage(text);
  message.setAttributes({ name, level });
  return message;
}

/** Reads a message that any client of the room may have sent; `undefined` if there is nothing to show. */
export function read(message: Message, me: string): ChatMessage | undefined {
  if (message instanceof RecalledMessage || message instanceof BinaryMessage) return undefined;
  const text = textOf(message);
  if (!text) return undefined;
  const attributes = message instanceof TypedMessage ? attributesOf(message) : {};
  return {
    id: message.id,
    from: message.from,
    name: nameOf(attributes.name) ?? message.from,
    text,
    level: levels.find((level) => level === attributes.level) ?? 'normal',
    time: message.timestamp.getTime(),
    mine: message.from === me,
  };
}

function textOf(message: Message): string | undefined {
  const text = message instanceof TypedMessage ? message.text : message.getPayload();
  return typeof text === 'string' ? text.trim() : undefined;
}

function attributesOf(message: TypedMessage): Record<string, unknown> {
  const attributes: unknown = message.getAttributes();
  return typeof attributes === 'object' && attributes !== null ? { ...attributes } : {};
}

function nameOf(value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined;
  return value.trim().slice(0, NAME_LENGTH) || undefined;
}
