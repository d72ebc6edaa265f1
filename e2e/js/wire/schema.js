// Protobuf frames by a tool that is not the server's: protobufjs on the project's schema.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import protobuf from 'protobufjs';

const FILE = fileURLToPath(new URL('../../../crates/protocol/proto/realtime.proto', import.meta.url));

const root = new protobuf.Root();
root.resolvePath = (_, target) => path.resolve(target);
root.loadSync(FILE, { keepCase: true });
const GenericCommand = root.lookupType('push_server.messages2.GenericCommand');

/** Embedded JSON documents: text inside `{data}` on the wire, values here. */
const JSON_FIELDS = ['where', 'attr', 'attrModified', 'results'];

/** Bytes of one command; `{cmd, op, …, body}` with the payload's fields in `body`. */
export function encode({ body, ...envelope }) {
  const message = { ...envelope };
  if (body) message[`${envelope.cmd}Message`] = withText(body);
  const problem = GenericCommand.verify(GenericCommand.fromObject(message));
  if (problem) throw new Error(`bad test command: ${problem}`);
  return Buffer.from(GenericCommand.encode(GenericCommand.fromObject(message)).finish());
}

/** The command in these bytes, with only the fields that are present. */
export function decode(bytes) {
  const message = GenericCommand.decode(bytes);
  const plain = GenericCommand.toObject(message, { longs: Number, enums: String, bytes: Buffer });
  const payloads = Object.keys(plain).filter((key) => key.endsWith('Message'));
  const { cmd, ...rest } = plain;
  const expected = `${cmd}Message`;
  const strangers = payloads.filter((key) => key !== expected);
  if (strangers.length > 0) throw new Error(`${cmd} carries ${strangers.join()}`);
  const body = rest[expected];
  delete rest[expected];
  return { cmd, ...rest, body: body && withValues(body) };
}

function withText(body) {
  const text = { ...body };
  for (const key of JSON_FIELDS) {
    if (text[key] !== undefined) text[key] = { data: JSON.stringify(text[key]) };
  }
  if (text.patches) text.patches = text.patches.map(patchWithBytes);
  return text;
}

/** PatchItem.data is bytes in the schema, since Java writes raw ones there. */
function patchWithBytes(patch) {
  if (typeof patch.data !== 'string') return patch;
  const { type } = root.lookupType('push_server.messages2.PatchItem').fields.data;
  return { ...patch, data: type === 'bytes' ? Buffer.from(patch.data) : patch.data };
}

function withValues(body) {
  const values = { ...body };
  for (const key of JSON_FIELDS) {
    if (values[key] !== undefined) values[key] = JSON.parse(values[key].data);
  }
  if (values.patches) {
    values.patches = values.patches.map((patch) => (
      Buffer.isBuffer(patch.data) ? { ...patch, data: patch.data.toString('utf8') } : patch));
  }
  return values;
}
