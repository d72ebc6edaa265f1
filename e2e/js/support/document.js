// Programs that stand in the documents, run by tests as they stand.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';

// The code of the block that begins with "```js NAME".
export function exampleOf(document, name) {
  const text = readFileSync(new URL(`../../../docs/${document}`, import.meta.url), 'utf8');
  return text.split(`\`\`\`js ${name}\n`)[1].split('```')[0];
}

// A port that was free a moment ago, for a program that is told where to listen.
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}
