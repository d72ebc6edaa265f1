// A server in the place of LeanCloud's storage: objects of any class in memory, saved one by one or in batches, and read.
import { createServer } from 'node:http';
import { once } from 'node:events';

export async function startStorage({ app }) {
  const server = createServer();
  const storage = new Storage(server, app);
  server.on('request', (request, response) => storage.serve(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  storage.url = `http://127.0.0.1:${server.address().port}`;
  return storage;
}

class Storage {
  /** Saved objects by id. */
  objects = new Map();
  /** Every request: method, path, headers. */
  asked = [];
  #server;
  #app;

  constructor(server, app) {
    this.#server = server;
    this.#app = app;
  }

  async serve(request, response) {
    const text = Buffer.concat(await request.toArray()).toString();
    const url = new URL(request.url, 'http://storage');
    this.asked.push({ method: request.method, path: url.pathname, headers: request.headers });
    const [status, body] = this.#answer(request, url, text ? JSON.parse(text) : {});
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  }

  #answer(request, url, body) {
    if (request.headers['x-lc-id'] !== this.#app.id || !(request.headers['x-lc-key'] || request.headers['x-lc-sign'])) {
      return [401, { code: 401, error: 'Unauthorized.' }];
    }
    if (url.pathname === '/1.1/batch' || url.pathname === '/1.1/batch/save') {
      const answers = body.requests.map((part) => this.#one(part.method, part.path, part.body));
      return [200, answers.map(([status, answer]) => (status < 300 ? { success: answer } : { error: answer }))];
    }
    return this.#one(request.method, url.pathname, body, url.searchParams);
  }

  #one(method, path, fields, parameters) {
    const [, kind, name, id] = path.match(/^\/1\.1\/(classes|functions|call)\/(\w+)(?:\/(\w+))?$/) ?? [];
    if (kind === 'functions' && name === 'hello') return [200, { result: `hello ${fields.name}` }];
    if (kind !== 'classes') return [404, { code: 1, error: `nothing at ${path}` }];
    if (method === 'POST' && !id) {
      const now = new Date().toISOString();
      const made = { objectId: `object${this.objects.size + 1}`, createdAt: now, updatedAt: now };
      this.objects.set(made.objectId, { ...fields, ...made, className: name });
      return [201, made];
    }
    if (method === 'GET' && !id) {
      const where = Object.entries(JSON.parse(parameters.get('where') ?? '{}'));
      const fits = (object) => object.className === name && where.every(([key, value]) => object[key] === value);
      return [200, { results: [...this.objects.values()].filter(fits) }];
    }
    const known = this.objects.get(id);
    if (!known) return [404, { code: 101, error: 'Object not found.' }];
    if (method === 'PUT') Object.assign(known, fields, { updatedAt: new Date().toISOString() });
    if (method === 'DELETE') this.objects.delete(id);
    return [200, method === 'GET' ? known : { objectId: id, updatedAt: known.updatedAt }];
  }

  async dispose() {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
