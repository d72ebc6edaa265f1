// Writes an archive as another program would: gzip by zlib, hashes by crypto, nothing of ours.
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';

const SEGMENT = 50_000;

/** `rooms` and `messages` are iterables of lines. */
export function writeArchive(folder, { app, rooms, messages }) {
  mkdirSync(path.join(folder, 'messages'), { recursive: true });
  const files = [];
  const counts = { rooms: 0, messages: 0, silences: 0, blocks: 0, roles: 0 };
  const write = (section, name, lines) => {
    const packed = gzipSync(lines.join(''), { level: 1 });
    writeFileSync(path.join(folder, name), packed);
    const sha256 = createHash('sha256').update(packed).digest('hex');
    files.push({ path: name, lines: lines.length, bytes: packed.length, sha256 });
    counts[section] += lines.length;
  };
  const line = (row) => `${JSON.stringify(row)}\n`;
  write('rooms', 'rooms.ndjson.gz', Array.from(rooms, line));
  let segment = [];
  let number = 0;
  const seal = () => {
    number += 1;
    write('messages', `messages/${String(number).padStart(10, '0')}.ndjson.gz`, segment);
    segment = [];
  };
  for (const message of messages) {
    segment.push(line(message));
    if (segment.length === SEGMENT) seal();
  }
  if (segment.length > 0) seal();
  for (const section of ['silences', 'blocks', 'roles']) write(section, `${section}.ndjson.gz`, []);
  const manifest = {
    format: 'grandstand-archive',
    version: 1,
    source: { kind: 'leancloud', url: 'https://example.com', app },
    made_by: 'a test',
    started_at: new Date().toISOString(),
    finished_at: new Date().toISOString(),
    range: { from: null, to: null },
    rooms: 'all',
    complete: true,
    files,
    counts,
  };
  writeFileSync(path.join(folder, 'manifest.json'), JSON.stringify(manifest));
}
