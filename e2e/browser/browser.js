// Chromium and the pages under test: opening the demo room in a window of some size and language.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ARTIFACTS = fileURLToPath(new URL('./artifacts/', import.meta.url));

/** Nothing that calls home: tests also run where there is no network beyond loopback. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export const DESKTOP = { viewport: { width: 1280, height: 800 }, locale: 'en-US' };
export const PHONE = {
  viewport: { width: 390, height: 844 },
  locale: 'zh-CN',
  deviceScaleFactor: 2,
  isMobile: true,
  hasTouch: true,
};

export function launch() {
  const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
  return chromium.launch({ executablePath, args: FLAGS });
}

/** One visitor: a page of their own, what they can do in it, and what went wrong in it. */
export class Visitor {
  problems = [];

  /** `prepare` sees the page before it loads. */
  static async open(browser, url, device, prepare = async () => {}) {
    const visitor = new Visitor();
    visitor.context = await browser.newContext(device);
    visitor.page = await visitor.context.newPage();
    visitor.page.setDefaultTimeout(20_000);
    visitor.page.on('pageerror', (error) => visitor.problems.push(String(error)));
    visitor.page.on('console', (message) => {
      if (message.type() === 'error') visitor.problems.push(message.text());
    });
    await prepare(visitor.page);
    await visitor.page.goto(`${url}/demo`);
    return visitor;
  }

  async enter(name) {
    await this.at('name').fill(name);
    await this.at('enter').click();
    await this.isIn('live');
  }

  at(testId) {
    return this.page.getByTestId(testId);
  }

  /** Sends and waits until the server has confirmed: then the text is gone from where it was written. */
  async say(text, level = 'normal') {
    await this.at(`level-${level}`).click();
    await this.at('composer-text').fill(text);
    await this.at('send').click();
    await this.message(text).waitFor();
  }

  /** The row of the list with this text. */
  message(text) {
    return this.at('message').filter({ hasText: text });
  }

  flying(text) {
    return this.at('danmaku').filter({ hasText: text });
  }

  gift(text) {
    return this.at('gift').filter({ hasText: text });
  }

  /** Waits until the page shows one of these states of the connection. */
  async isIn(...states) {
    const selector = states.map((state) => `[data-testid=status][data-state=${state}]`).join(',');
    await this.page.locator(selector).waitFor({ state: 'attached' });
  }

  statusWords() {
    return this.at('status-words').textContent();
  }

  async screenshot(name) {
    mkdirSync(ARTIFACTS, { recursive: true });
    await this.page.screenshot({ path: `${ARTIFACTS}${name}.png` });
  }
}
