// Starts the cloud engine, and waits for what its hooks are called with.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { APP } from '../server/grandstand.js';
import { Inbox, withDeadline } from '../support/wait.js';

const CHILD = fileURLToPath(new URL('child.js', import.meta.url));

export const HOOK_KEY = 'e2eHookKey0123456789abcdef';

export async function startEngine() {
  const env = {
    ...process.env,
    APP_ID: APP.id,
    APP_KEY: APP.key,
    APP_MASTER_KEY: APP.master_key,
    APP_HOOK_KEY: HOOK_KEY,
  };
  const child = fork(CHILD, { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const [{ port }] = await withDeadline(once(child, 'message'), 'port of the engine');
  return new Engine(child, port);
}

class Engine {
  calls = new Inbox('calls of hooks');

  constructor(child, port) {
    this.child = child;
    this.url = `http://127.0.0.1:${port}`;
    child.on('message', (call) => this.calls.push(call));
  }

  /** The parameters of the first call of `hook` in which every named one has this value. */
  async called(hook, some = {}) {
    const fits = ({ params }) => Object.entries(some).every(([key, value]) => params[key] === value);
    const call = await this.calls.find((one) => one.hook === hook && fits(one), `${hook} ${JSON.stringify(some)}`);
    return call.params;
  }

  of(hook) {
    return this.calls.items.filter((call) => call.hook === hook).map((call) => call.params);
  }

  async dispose() {
    const ended = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await ended;
  }
}
