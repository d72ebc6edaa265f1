// A cloud engine in a process of its own: the unmodified `leanengine` package with every chat hook. It tells its parent
// what each hook was called with. What it answers depends on what it is asked.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const AV = createRequire(import.meta.url)('leanengine');
AV.init({
  appId: process.env.APP_ID,
  appKey: process.env.APP_KEY,
  masterKey: process.env.APP_MASTER_KEY,
  hookKey: process.env.APP_HOOK_KEY,
  // Its own API is not asked for anything.
  serverURL: 'http://127.0.0.1:1',
});

const REFUSE = { code: 4711, detail: 'the engine says no' };

const ANSWERS = {
  onIMMessageReceived({ content, convId }) {
    if (content.includes('refuse me')) return { drop: true, ...REFUSE };
    if (content.includes('throw')) throw new AV.Cloud.Error('a mistake of the app', { status: 422, code: 142 });
    if (content.includes('crash')) return content.no.such.field;
    if (content.includes('bad word')) return { content: content.replace('bad word', '***') };
    const only = content.match(/only for (\S+?)"/);
    return only ? { toPeers: [only[1]], convId } : {};
  },
  onIMMessageUpdate({ content, recall }) {
    if (content.includes('refuse me')) return { drop: true, ...REFUSE };
    return recall ? undefined : { content: content.replace('bad word', '***') };
  },
  onIMConversationStart({ attr }) {
    return attr.name === 'refuse me' ? { reject: true, ...REFUSE } : {};
  },
  onIMConversationAdd({ initBy }) {
    return initBy.startsWith('unwanted') ? { reject: true, ...REFUSE } : {};
  },
  onIMConversationUpdate({ attr }) {
    if (attr.name === 'refuse me') return { reject: true, ...REFUSE };
    return attr.name === 'theirs' ? { attr: { name: 'ours' } } : {};
  },
};

const HOOKS = [
  'MessageReceived', 'MessageSent', 'MessageUpdate', 'ConversationStart', 'ConversationStarted', 'ConversationAdd',
  'ConversationAdded', 'ConversationRemove', 'ConversationRemoved', 'ConversationUpdate', 'ClientOnline',
  'ClientOffline',
].map((name) => `onIM${name}`);

for (const hook of HOOKS) {
  AV.Cloud[hook](({ params, meta }) => {
    process.send({ hook, params, address: meta.remoteAddress });
    return ANSWERS[hook]?.(params);
  });
}

const engine = AV.express();
const server = createServer((request, response) => engine(request, response, () => response.writeHead(404).end()));
server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port }));
process.once('disconnect', () => process.exit());
