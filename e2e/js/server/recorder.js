// `grandstand record` before a server, and `grandstand compare` with what it wrote.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { withDeadline } from '../support/wait.js';
import { binary } from './grandstand.js';

const running = new Set();
process.on('exit', () => running.forEach((recorder) => recorder.child.kill('SIGKILL')));

/** A recorder; SDKs are given it in the place of the server. */
export async function startRecorder(server, ...flags) {
  const folder = mkdtempSync(path.join(tmpdir(), 'grandstand-recording-'));
  const file = path.join(folder, 'recording.ndjson');
  const args = ['record', '--listen', '127.0.0.1:0', '--to', server.url, '--out', file, '--json', ...flags];
  const child = spawn(binary(), args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const recorder = new Recorder(server, folder, file, child);
  await recorder.isListening();
  return recorder;
}

/** Ends every recorder that a test left behind. */
export function stopRecorders() {
  for (const recorder of running) recorder.dispose();
}

class Recorder {
  #out = '';
  #err = '';

  constructor(server, folder, file, child) {
    Object.assign(this, { folder, file, child, server, appId: server.appId, app: server.app });
    running.add(this);
    child.stdout.setEncoding('utf8').on('data', (text) => { this.#out += text; });
    child.stderr.setEncoding('utf8').on('data', (text) => { this.#err += text; });
  }

  async isListening() {
    const says = new Promise((resolve, reject) => {
      this.child.stderr.on('data', () => {
        const url = this.#err.match(/recording (http:\S+)/);
        if (url) resolve(url[1]);
      });
      this.child.once('exit', (code) => reject(new Error(`the recorder ended (${code}): ${this.#err}`)));
    });
    this.url = await withDeadline(says, 'address of the recorder');
    this.host = new URL(this.url).host;
    this.wsUrl = `ws://${this.host}/`;
  }

  /** Ends the recording: its lines, its text, and the closing figures. */
  async finish() {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGINT');
    const [code] = await withDeadline(ended, 'end of the recorder');
    if (code !== 0) throw new Error(`the recorder ended with ${code}: ${this.#err}`);
    const text = readFileSync(this.file, 'utf8');
    return { text, lines: text.trim().split('\n').map((line) => JSON.parse(line)), totals: JSON.parse(this.#out) };
  }

  dispose() {
    running.delete(this);
    this.child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Compares lines with a server: exit code and report. */
  async compare(server, lines, ...flags) {
    const file = path.join(this.folder, 'compared.ndjson');
    writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const args = ['compare', file, '--to', server.url, '--app-id', server.appId, '--json', ...flags];
    const env = { ...process.env, GRANDSTAND_MASTER_KEY: server.app.master_key, GRANDSTAND_APP_KEY: server.app.key };
    const { code, stdout, stderr } = await new Promise((resolve) => {
      execFile(binary(), args, { env, maxBuffer: 64 << 20 }, (error, out, err) => {
        resolve({ code: error?.code ?? 0, stdout: out, stderr: err });
      });
    });
    if (!stdout) throw new Error(`the comparison ended with ${code}: ${stderr}`);
    return { code, stderr, report: JSON.parse(stdout) };
  }
}
