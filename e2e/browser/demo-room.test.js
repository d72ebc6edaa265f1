// Two people in the demo room, one at a desk and one on a phone.
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { startServer } from '../js/server/grandstand.js';
import { DESKTOP, launch, PHONE, Visitor } from './browser.js';

/** A page's line to the server, which can go deaf to the server's answers and break. */
class Line {
  deaf = false;
  connections = 0;

  attach(page) {
    return page.routeWebSocket(/./, (toPage) => {
      this.connections += 1;
      const toServer = toPage.connectToServer();
      toPage.onMessage((message) => toServer.send(message));
      toServer.onMessage((message) => {
        if (!this.deaf) toPage.send(message);
      });
      this.cut = () => {
        this.deaf = false;
        toPage.close();
        toServer.close();
      };
    });
  }
}

let browser;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());

describe('the demo room', () => {
  let server;
  let desk;
  let phone;

  before(async () => {
    server = await startServer();
  });
  after(() => server?.dispose());

  beforeEach(async () => {
    desk = await Visitor.open(browser, server.url, DESKTOP);
    phone = await Visitor.open(browser, server.url, PHONE);
  });
  afterEach(async () => {
    await desk?.context.close();
    await phone?.context.close();
  });

  async function bothEnter() {
    await desk.enter('Ann');
    await phone.enter('小林');
  }

  it('asks for a name, in the language of the reader', async () => {
    assert.match(await desk.at('enter').textContent(), /Enter/);
    assert.match(await phone.at('enter').textContent(), /进场/);
    await desk.screenshot('entry-desktop');
    await phone.screenshot('entry-phone');

    await phone.at('language').click();
    assert.match(await phone.at('enter').textContent(), /Enter/);
    await phone.page.reload();
    assert.match(await phone.at('enter').textContent(), /Enter/, 'the choice is remembered');
  });

  it('shows who is here', async () => {
    await bothEnter();
    for (const visitor of [desk, phone]) {
      await visitor.page.locator('[data-testid=online][data-count="2"]').waitFor();
    }
    assert.match(await phone.at('online').textContent(), /2 人在线/);
    await phone.context.close();
    await desk.page.locator('[data-testid=online][data-count="1"]').waitFor();
  });

  it('lets a message of one fly over the stage of the other and stand in the list', async () => {
    await bothEnter();
    await Promise.all([
      phone.flying('Hello from the desk').waitFor(),
      phone.message('Hello from the desk').waitFor(),
      desk.say('Hello from the desk'),
    ]);
    await Promise.all([desk.flying('手机上也能看').waitFor(), phone.say('手机上也能看', 'low')]);
    const row = desk.message('手机上也能看');
    assert.equal(await row.getAttribute('data-level'), 'low');
    assert.match(await row.textContent(), /小林/);

    assert.equal(await phone.message('Hello from the desk').count(), 1);
    assert.equal(await desk.flying('Hello from the desk').getAttribute('data-mine'), 'true');
    assert.equal(await desk.gift('Hello').count(), 0);
  });

  it('makes a message of level HIGH a gift', async () => {
    await bothEnter();
    await desk.say('What a save!');
    await phone.say('慢动作再来一遍', 'low');
    await Promise.all([desk.gift('送你一座体育场').waitFor(), phone.say('送你一座体育场', 'high')]);
    assert.match(await desk.gift('送你一座体育场').textContent(), /小林/);
    assert.equal(await desk.message('送你一座体育场').getAttribute('data-level'), 'high');
    assert.equal(await desk.flying('送你一座体育场').count(), 0);
    await desk.gift('送你一座体育场').evaluate((gift) => gift.getAnimations()[0]?.finished.then(() => true));
    await desk.screenshot('room-desktop');
    await phone.screenshot('room-phone');
  });

  it('shows what was said before one came in', async () => {
    await desk.enter('Ann');
    await desk.say('Said before you came');
    await phone.enter('小林');
    await phone.message('Said before you came').waitFor();
    assert.equal(await phone.flying('Said before you came').count(), 0);
  });

  it('takes a text for a text', async () => {
    await bothEnter();
    const text = '<img src=x onerror="document.title=\'owned\'"><b>bold</b>';
    await Promise.all([phone.message(text).waitFor(), desk.say(text)]);
    assert.equal(await phone.page.locator('img, .message b, .flyer b').count(), 0);
    assert.equal(await phone.page.title(), 'Grandstand');

    const { headers } = await fetch(`${server.url}/demo`);
    assert.match(headers.get('content-security-policy') ?? '', /default-src 'none'.*script-src 'self'/);
    assert.deepEqual([...desk.problems, ...phone.problems], [], 'the policy blocks nothing of our own');
  });

  it('says that the server is gone, and recovers by itself when it is back', async () => {
    await bothEnter();
    for (const visitor of [desk, phone]) {
      await visitor.page.evaluate(() => { document.documentElement.dataset.neverReloaded = 'true'; });
    }
    await desk.say('Before the crash');
    await server.kill();
    await Promise.all([desk.isIn('waiting'), phone.isIn('waiting')]);
    assert.match(await desk.statusWords(), /No answer from the server\. Trying again in \d+ s/);
    assert.match(await phone.statusWords(), /连不上服务器，\d+ 秒后再试/);
    assert.equal(await desk.at('send').isDisabled(), true);
    await desk.at('composer-text').fill('Written in the dark');
    await desk.screenshot('server-gone-desktop');
    await phone.screenshot('server-gone-phone');

    await server.start();
    await Promise.all([desk.isIn('live'), phone.isIn('live')]);
    await Promise.all([phone.flying('Written in the dark').waitFor(), desk.at('send').click()]);
    await Promise.all([desk.message('我们都回来了').waitFor(), phone.say('我们都回来了')]);
    for (const visitor of [desk, phone]) {
      assert.equal(await visitor.message('Before the crash').count(), 1);
      assert.equal(await visitor.message('Written in the dark').count(), 1);
      assert.equal(await visitor.page.locator('html[data-never-reloaded=true]').count(), 1);
    }
    await desk.screenshot('back-desktop');
    await phone.screenshot('back-phone');
  });

  it('comes back after the server was stopped in good order', async () => {
    await bothEnter();
    assert.equal(await server.stop(), 0);
    await Promise.all([desk.isIn('waiting'), phone.isIn('waiting')]);
    await server.start();
    await Promise.all([desk.isIn('live'), phone.isIn('live')]);
    await Promise.all([phone.flying('After the break').waitFor(), desk.say('After the break')]);
  });

  it('sends again what nobody confirmed, and the room has it once', async () => {
    const line = new Line();
    const faraway = await Visitor.open(browser, server.url, DESKTOP, (page) => line.attach(page));
    await faraway.enter('Faraway');
    await phone.enter('小林');

    line.deaf = true;
    await faraway.at('composer-text').fill('Did you get this?');
    await Promise.all([phone.message('Did you get this?').waitFor(), faraway.at('send').click()]);
    assert.equal(await faraway.message('Did you get this?').count(), 0, 'the confirmation was lost');
    line.cut();
    await faraway.page.locator('[data-testid=hint][data-kind=kept]').waitFor();
    await faraway.message('Did you get this?').waitFor();

    await faraway.say('And this?');
    await phone.message('And this?').waitFor();
    assert.ok(line.connections >= 2, 'the line was cut');
    for (const visitor of [faraway, phone]) {
      assert.equal(await visitor.message('Did you get this?').count(), 1);
    }
    await faraway.context.close();
  });

  it('waits for the server to come up when it is not there at first', async () => {
    await server.kill();
    await desk.at('name').fill('Early');
    await desk.at('enter').click();
    await desk.isIn('waiting');
    await server.start();
    await desk.isIn('live');
    await desk.say('First in');
  });

  it('says that the network is gone, and catches up when it is back', async () => {
    await bothEnter();
    await phone.context.setOffline(true);
    await phone.isIn('offline');
    assert.match(await phone.statusWords(), /网络断开了/);
    await desk.say('While you were away');
    await desk.say('I left this for you', 'high');
    await Promise.all([phone.gift('I left this for you').waitFor(), phone.context.setOffline(false)]);
    await phone.isIn('live');
    await phone.message('While you were away').waitFor();
    for (const text of ['While you were away', 'I left this for you']) {
      assert.equal(await phone.message(text).count(), 1);
    }
  });
});

describe('the demo room with limits', () => {
  let server;
  let desk;

  before(async () => {
    // Few, so that no page is too slow to be too fast: from the sixth on, one message in twelve seconds.
    server = await startServer({ app: { demo: true }, config: { client_limits: { send: 5 } }, clientLimits: 'on' });
    desk = await Visitor.open(browser, server.url, DESKTOP);
  });
  after(() => server?.dispose());

  it('tells kindly who is too fast, and keeps what was written', async () => {
    await desk.enter('Ann');
    const refused = desk.page.locator('[data-testid=hint][data-kind=refused]');
    let said = 0;
    while (!(await refused.isVisible())) {
      said += 1;
      assert.ok(said <= 20, 'the sixth message of a minute is refused');
      await desk.at('composer-text').fill(`Message ${said}`);
      await desk.at('send').click();
      await Promise.race([refused.waitFor(), desk.message(`Message ${said}`).last().waitFor()]);
    }
    assert.match(await refused.textContent(), /a little fast/);
    assert.equal(await desk.at('composer-text').inputValue(), `Message ${said}`);
    assert.equal(await desk.at('send').isEnabled(), true);
    await desk.screenshot('too-fast-desktop');
  });
});

describe('a demo room that is closed to this page', () => {
  it('says so, and offers to load it again', async () => {
    const app = { demo: true, allowed_origins: ['https://elsewhere.example'] };
    const server = await startServer({ app });
    // The page comes by one name and its socket goes to another, as when it is hosted elsewhere: a server always
    // admits the pages that it serves itself.
    const router = await fetch(`${server.url}/v1/route?appId=${server.appId}`);
    const json = await router.json();
    try {
      const desk = await Visitor.open(browser, `http://localhost:${server.port}`, DESKTOP, (page) =>
        page.route('**/v1/route?*', (route) => route.fulfill({ json })));
      await desk.at('enter').click();
      await desk.isIn('refused');
      assert.match(await desk.statusWords(), /does not admit pages from this address \(4110\)/);
      assert.match(await desk.at('retry').textContent(), /Reload/);
    } finally {
      await server.dispose();
    }
  });
});
