// The demo room: brings the page's parts and the room together.
import { Arena } from './arena';
import { Composer } from './composer';
import { Entry } from './entry';
import { find } from './element';
import { Gifts } from './gifts';
import { onLanguage, switchLanguage, words } from './language';
import type { ChatMessage } from './message';
import { Messages } from './messages';
import { Room } from './room';
import { Stage } from './stage';
import { Status } from './status';

let room: Room | undefined;
let online: number | undefined;
/** The ids of messages that were on the stage; the oldest are forgotten. */
const appeared = new Set<string>();
const REMEMBERED = 500;

const arena = new Arena();
const stage = new Stage();
const gifts = new Gifts(() => arena.wave());
const messages = new Messages();
const status = new Status(() => room?.tryNow());
const composer = new Composer(
  (text, level) => (room ? room.send(text, level) : Promise.reject(new Error('no room yet'))),
  appear,
);
new Entry(enter);

const languageButton = find<HTMLButtonElement>('[data-testid=language]');
languageButton.addEventListener('click', switchLanguage);
onLanguage(({ otherLanguage }) => {
  languageButton.textContent = otherLanguage;
  showOnline();
});

function enter(name: string): void {
  room = new Room(name, {
    state(state) {
      status.show(state);
      composer.setLive(state.kind === 'live');
      if (state.kind === 'lost') messages.markGap();
      if (state.kind === 'live') openDoor();
    },
    count(count) {
      online = count;
      arena.seat(count);
      showOnline();
    },
    history(page, whole) {
      messages.catchUp(page, whole);
      if (page.length > 0) stage.hideInvitation();
    },
    message: appear,
    edited: (message) => messages.replace(message),
    recalled: (id) => messages.remove(id),
  });
  void room.enter();
}

/** A message that is new to the room, one's own or another's. */
function appear(message: ChatMessage): void {
  messages.add(message);
  // After a drop the server may deliver a message twice rather than not at all.
  if (appeared.has(message.id)) return;
  remember(message.id);
  arena.glow(message.name, message.level);
  stage.hideInvitation();
  if (message.level === 'high') gifts.give(message);
  else stage.fly(message);
}

function remember(id: string): void {
  appeared.add(id);
  const [oldest] = appeared;
  if (appeared.size > REMEMBERED && oldest) appeared.delete(oldest);
}

function openDoor(): void {
  if (document.body.dataset.screen === 'room') return composer.welcomeBack();
  document.body.dataset.screen = 'room';
  // On a phone, focus would bring up the keyboard before one has seen the room.
  if (matchMedia('(pointer: fine)').matches) composer.focus();
}

function showOnline(): void {
  const badge = find('[data-testid=online]');
  badge.hidden = online === undefined;
  badge.dataset.count = String(online ?? '');
  badge.textContent = online === undefined ? '' : words().online(online);
}
