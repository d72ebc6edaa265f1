// What a strict decoder says when its SDK would drop a frame or crash on it, and the checks several SDKs share.

/** The SDK in question would not survive, or would silently lose, what the server sent. */
export class Broken extends Error {}

export function need(condition, what) {
  if (!condition) throw new Broken(what);
}

export const isText = (value) => typeof value === 'string' && value !== '';
export const isTime = (value) => Number.isInteger(value) && value > 1_400_000_000_000;
export const isList = (value) => Array.isArray(value);
export const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** ISO 8601, UTC, three digits of milliseconds: the only pattern every SDK parses. */
export const isDate = (value) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);

/** A row of a query: what at least one SDK casts, parses or re-queries without. */
export function needRoom(row) {
  const at = (key) => `row ${row.objectId}: ${key} is ${JSON.stringify(row[key])}`;
  need(isText(row.objectId), at('objectId'));
  need(isDate(row.createdAt), at('createdAt'));
  need(isDate(row.updatedAt), at('updatedAt'));
  need(row.tr === true, at('tr'));
  need(row.conv_type === 2, at('conv_type'));
  need(row.name === undefined || typeof row.name === 'string', at('name'));
  need(row.c === undefined || isText(row.c), at('c'));
  need(row.attr === undefined || isObject(row.attr), at('attr'));
  for (const key of ['m', 'mu']) need(row[key] === undefined || isList(row[key]), at(key));
  for (const key of ['sys', 'temp', 'unique']) need(row[key] === undefined || row[key] === false, at(key));
  need(row.uniqueId === undefined || isText(row.uniqueId), at('uniqueId'));
  const { lm } = row;
  need(lm === undefined || (isObject(lm) && lm.__type === 'Date' && isDate(lm.iso)), at('lm'));
  if (row.msg !== undefined) {
    need(typeof row.bin === 'boolean', at('bin'));
    need(isTime(row.msg_timestamp), at('msg_timestamp'));
    need(isText(row.msg_mid) && isText(row.msg_from), at('msg_mid'));
  }
}

/** A page of history: ascending, every item with its id and time. */
export function needPage(items) {
  items.forEach((item, n) => {
    need(isText(item.msgId), `history item ${n} without msgId`);
    need(isTime(item.timestamp), `history item ${n} without timestamp`);
    need(isText(item.from), `history item ${n} without from`);
    need(typeof item.data === 'string', `history item ${n} without data`);
    need(item.ackAt === undefined && item.readAt === undefined, `history item ${n} with receipts`);
    need(n === 0 || item.timestamp >= items[n - 1].timestamp, `history item ${n} out of order`);
  });
}

/** The keys that send a message to an SDK's handlers for offline or legacy messages. */
export function needNoLegacyKeys(message) {
  for (const key of ['offline', 'hasMore', 'uid', 'toPeerIds', 'roomId', 'dt', 'pushData', 'r', 'will']) {
    need(message[key] === undefined, `pushed message with ${key}`);
  }
}

/** Success of an open or a refresh: both parts of the token, and no code. */
export function needToken({ st, stTtl, code }) {
  need(code === undefined, `success with code ${code}`);
  need(isText(st), 'no session token');
  need(Number.isInteger(stTtl) && stTtl > 0, `token ttl ${stTtl}`);
}
