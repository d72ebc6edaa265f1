// The request headers of native SDKs: the app key is signed, not sent.
import { createHash } from 'node:crypto';

export function signedHeaders(server) {
  const now = Date.now();
  const hash = createHash('md5').update(`${now}${server.app.key}`).digest('hex');
  return { 'X-LC-Id': server.appId, 'X-LC-Sign': `${hash},${now}` };
}
