// One server process under test: start, stop, kill, start again on the same port and data.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text as all } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { eventually, withDeadline } from '../support/wait.js';
import { toml } from './config.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export const APP = {
  id: 'e2eApp0123456789-abcdef',
  key: 'e2eKey0123456789abcdef',
  master_key: 'e2eMaster0123456789abcdef',
};

const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));

/** The program under test. */
export function binary() {
  const places = [
    process.env.GRANDSTAND_BIN,
    path.join(ROOT, 'target/release/grandstand'),
    path.join(ROOT, 'target/debug/grandstand'),
  ].filter(Boolean);
  const found = places.find((place) => existsSync(place));
  if (!found) throw new Error(`no grandstand program at ${places.join(', ')}; build it first`);
  return found;
}

/**
 * Starts a server on a free port. Without `config` it is set up by flags (client limits off unless
 * `clientLimits`), with it by a configuration file in which `app` adds to the first app's keys.
 */
export async function startServer(options = {}) {
  const server = new Server(options);
  await server.start();
  return server;
}

class Server {
  app = APP;
  appId = APP.id;
  #options;
  #folder = mkdtempSync(path.join(tmpdir(), 'grandstand-e2e-'));
  #child;
  #ending = false;
  #log = [];

  constructor(options) {
    this.#options = options;
  }

  async start() {
    const child = spawn(binary(), this.#arguments(), { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    this.#ending = false;
    children.add(child);
    child.once('exit', (code, signal) => {
      children.delete(child);
      if (!this.#ending) console.error(`the server ended by itself (${code ?? signal}):\n${this.log()}`);
    });
    child.stderr.setEncoding('utf8').on('data', (text) => this.#remember(text));
    await this.#readBanner(child);
    this.port = Number(new URL(this.url).port);
    this.host = `127.0.0.1:${this.port}`;
    if (this.url.startsWith('http:')) {
      await eventually(() => this.#isReady(), `${this.url} ready`);
    }
  }

  #arguments() {
    const bind = `127.0.0.1:${this.port ?? 0}`;
    const data = path.join(this.#folder, 'data');
    const { config, app, otherApps = [], clientLimits = 'off' } = this.#options;
    if (!config && !app && otherApps.length === 0) {
      const keys = `${APP.id}:${APP.key}:${APP.master_key}`;
      return ['serve', '--bind', bind, '--admin-bind', '127.0.0.1:0', '--data', data,
        '--app', keys, '--client-limits', clientLimits];
    }
    const file = path.join(this.#folder, 'grandstand.toml');
    const { server, client_limits, ...sections } = config ?? {};
    writeFileSync(file, toml({
      server: { bind, admin_bind: '127.0.0.1:0', data, ...server },
      client_limits: { enabled: clientLimits === 'on', ...client_limits },
      ...sections,
      apps: [{ ...APP, ...app }, ...otherApps],
    }));
    return ['serve', '--config', file];
  }

  async #readBanner(child) {
    let text = '';
    const printed = new Promise((resolve, reject) => {
      child.stdout.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
        const url = text.match(/^\s*Server URL\s.*?(\S+)\s*$/m);
        const socket = text.match(/^\s*WebSocket\s.*?(\S+)\s*$/m);
        const admin = text.match(/^\s*Admin\s.*?(\S+)\s*$/m);
        if (url && socket && admin && text.endsWith('\n')) resolve([url[1], socket[1], admin[1]]);
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        reject(new Error(`the server ended (${code ?? signal}) before it was ready:\n${text}${this.log()}`));
      });
    });
    [this.url, this.wsUrl, this.adminUrl] = await withDeadline(printed, 'server address on stdout');
    this.url = this.url.replace(/\/$/, '');
  }

  async #isReady() {
    const answer = await fetch(`${this.url}/readyz`).catch(() => undefined);
    return answer?.status === 200;
  }

  #remember(text) {
    this.#log.push(...text.split('\n').filter(Boolean));
    this.#log.splice(0, this.#log.length - 200);
    if (process.env.GRANDSTAND_E2E_LOG) process.stderr.write(text);
  }

  /** The last lines the server logged, for messages of failed tests. */
  log() {
    return this.#log.join('\n');
  }

  /** Asks the server to end in good order; resolves with its exit code. */
  async stop() {
    const child = this.#child;
    const ended = once(child, 'exit');
    this.#ending = true;
    child.kill('SIGTERM');
    const [code] = await withDeadline(ended, 'exit after SIGTERM');
    return code;
  }

  /** Runs `grandstand export` on the running server, into a folder that is not there yet. */
  async export(folder, ...flags) {
    const child = spawn(binary(), ['export', '--from', this.url, '--app-id', APP.id, '--out', folder, '--json', ...flags], {
      env: { ...process.env, GRANDSTAND_MASTER_KEY: APP.master_key },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const [report, told] = await Promise.all([all(child.stdout), all(child.stderr), once(child, 'close')]);
    if (child.exitCode !== 0) throw new Error(`the export ended with ${child.exitCode}: ${told}`);
    return JSON.parse(report);
  }

  /** Runs `grandstand import` on the data folder while the server is stopped; resolves with its report. */
  async import(...paths) {
    const data = path.join(this.#folder, 'data');
    const aside = path.join(this.#folder, 'aside.ndjson');
    const child = spawn(binary(), ['import', ...paths, '--data', data, '--app-id', APP.id, '--aside', aside, '--json'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [report, [code]] = await Promise.all([all(child.stdout), once(child, 'close')]);
    if (code !== 0) throw new Error(`the import ended with ${code}`);
    return JSON.parse(report);
  }

  /** Takes the process away without a word to it. */
  async kill() {
    const child = this.#child;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    this.#ending = true;
    child.kill('SIGKILL');
    await withDeadline(ended, 'exit after SIGKILL');
  }

  async dispose() {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
