// A certificate for 127.0.0.1 and localhost, made anew for each run, that is its own authority.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** With `authority: false` it is no authority for others: Rust's TLS takes one that is for no server. */
export function makeCertificate({ authority = true } = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'grandstand-e2e-tls-'));
  const certificate = path.join(folder, 'certificate.pem');
  const privateKey = path.join(folder, 'private-key.pem');
  execFileSync(
    'openssl',
    [
      'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
      ...(authority ? [] : ['-addext', 'basicConstraints=critical,CA:FALSE']),
      '-keyout', privateKey, '-out', certificate,
    ],
    { stdio: 'pipe' },
  );
  return { folder, certificate, privateKey };
}
