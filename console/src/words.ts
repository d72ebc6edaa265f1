// Everything the page says, in English and Chinese.
import type { SendRefusal } from './refusal';
import type { RoomState } from './room';

export type Language = 'en' | 'zh';

export interface Words {
  /** The other language's own name, for the switch. */
  otherLanguage: string;
  title: string;
  about: string;
  nameLabel: string;
  seat(row: number, seat: number): string;
  enter: string;
  entering: string;
  entryNote: string;
  online(count: number): string;
  you: string;
  quiet: string;
  levelsLabel: string;
  levels: Record<'low' | 'normal' | 'high', { name: string; means: string; invite: string }>;
  textLabel: string;
  send: string;
  give: string;
  newer(count: number): string;
  gift(name: string): string;
  messagesLabel: string;
  stageLabel: string;
  status(state: RoomState, seconds: number): string;
  tryNow: string;
  reload: string;
  keptForLater: string;
  back: string;
  refusals: Record<SendRefusal, (code: number | undefined) => string>;
}

const inBrackets = (code: number | undefined) => (code === undefined ? '' : ` (${code})`);
const inFullBrackets = (code: number | undefined) => (code === undefined ? '' : `（${code}）`);

const en: Words = {
  otherLanguage: '中文',
  title: 'Take a seat.',
  about:
    'This room runs on your own server. Open it in a second window, or on your phone, and watch what you say fly across.',
  nameLabel: 'Your name',
  seat: (row, seat) => `Row ${row}, Seat ${seat}`,
  enter: 'Enter the room',
  entering: 'Entering…',
  entryNote: 'No account needed. Leave the name empty to go by your seat.',
  online: (count) => `${count} here`,
  you: 'you',
  quiet: 'All quiet. The first word is yours.',
  levelsLabel: 'Message level',
  levels: {
    low: {
      name: 'Whisper',
      means: 'LOW: the first to go when the room gets too loud',
      invite: 'Whisper something…',
    },
    normal: { name: 'Say', means: 'NORMAL: what most messages are', invite: 'Say something…' },
    high: {
      name: 'Gift',
      means: 'HIGH: goes first, reaches even those who drop out',
      invite: 'Words for your gift…',
    },
  },
  textLabel: 'Message',
  send: 'Send',
  give: 'Give',
  newer: (count) => (count === 1 ? '1 new message' : `${count} new messages`),
  gift: (name) => `A gift from ${name}`,
  messagesLabel: 'Messages',
  stageLabel: 'Stage',
  status(state, seconds) {
    switch (state.kind) {
      case 'connecting':
        return 'Connecting…';
      case 'live':
        return 'Live';
      case 'lost':
        return 'Connection lost';
      case 'waiting':
        return `No answer from the server. Trying again in ${seconds} s`;
      case 'retrying':
        return 'Reconnecting…';
      case 'rejoining':
        return 'Connected again. Going back to your seat…';
      case 'offline':
        return 'You are offline. The room returns with your network';
      case 'refused':
        return refusedInEnglish(state.code);
    }
  },
  tryNow: 'Try now',
  reload: 'Reload',
  keptForLater: 'Goes out as soon as the connection is back.',
  back: 'Welcome back. What you missed is in the list.',
  refusals: {
    tooFast: () =>
      'That was a little fast for this room. Your words are still here: wait a few seconds, then send.',
    tooLong: () => 'That is too long for one message. Your words are still here.',
    silenced: () => 'You have been muted in this room for now. Your words are still here.',
    unconfirmed: () => 'The server has not confirmed this. Send it once more: it will not appear twice.',
    other: (code) => `The server did not take this message${inBrackets(code)}. Your words are still here.`,
  },
};

function refusedInEnglish(code: number | undefined): string {
  switch (code) {
    case 4100:
      return 'The server does not know this app (4100). It may have been set up anew';
    case 4110:
      return 'The server does not admit pages from this address (4110)';
    case 4111:
      return 'You have come in from another place (4111)';
    case 4115:
      return 'You have been signed out (4115)';
    case 4303:
      return 'This room is no longer there (4303)';
    default:
      return `The server refused the connection${inBrackets(code)}`;
  }
}

const zh: Words = {
  otherLanguage: 'English',
  title: '找个座位，看场好戏。',
  about: '这个房间就跑在你自己的服务器上。再开一个窗口，或者拿手机打开，看你说的话飞过全场。',
  nameLabel: '怎么称呼你',
  seat: (row, seat) => `${row} 排 ${seat} 座`,
  enter: '进场',
  entering: '正在进场…',
  entryNote: '不用注册。名字留空，就用座位号。',
  online: (count) => `${count} 人在线`,
  you: '我',
  quiet: '全场安静，等你先开口。',
  levelsLabel: '消息级别',
  levels: {
    low: { name: '轻声', means: 'LOW：房间太热闹时最先舍弃', invite: '轻声说一句…' },
    normal: { name: '普通', means: 'NORMAL：一般的消息', invite: '说点什么…' },
    high: { name: '礼物', means: 'HIGH：优先送达，断线的人回来后补收', invite: '送礼时想说的话…' },
  },
  textLabel: '消息',
  send: '发送',
  give: '送出',
  newer: (count) => `${count} 条新消息`,
  gift: (name) => `${name} 送来礼物`,
  messagesLabel: '消息列表',
  stageLabel: '舞台',
  status(state, seconds) {
    switch (state.kind) {
      case 'connecting':
        return '正在连接…';
      case 'live':
        return '已连接';
      case 'lost':
        return '连接断了';
      case 'waiting':
        return `连不上服务器，${seconds} 秒后再试`;
      case 'retrying':
        return '正在重新连接…';
      case 'rejoining':
        return '连上了，正在回到座位…';
      case 'offline':
        return '网络断开了，恢复后会自动回来';
      case 'refused':
        return refusedInChinese(state.code);
    }
  },
  tryNow: '现在就试',
  reload: '刷新页面',
  keptForLater: '等连接恢复，马上替你发出去。',
  back: '欢迎回来，错过的消息都在列表里。',
  refusals: {
    tooFast: () => '说得有点快了。文字还留着，歇几秒再发。',
    tooLong: () => '一条消息装不下这么多字。文字还留着，删一点再发。',
    silenced: () => '你暂时被禁言了。文字还留着。',
    unconfirmed: () => '服务器没有回音。再发一次就好，不会重复。',
    other: (code) => `服务器没有接受这条消息${inFullBrackets(code)}。文字还留着。`,
  },
};

function refusedInChinese(code: number | undefined): string {
  switch (code) {
    case 4100:
      return '服务器不认识这个应用（4100），可能重新部署过';
    case 4110:
      return '服务器不接受来自这个网址的页面（4110）';
    case 4111:
      return '你在别处登录了（4111）';
    case 4115:
      return '你已被请出登录（4115）';
    case 4303:
      return '这个房间已经不在了（4303）';
    default:
      return `服务器拒绝了连接${inFullBrackets(code)}`;
  }
}

export const languages: Record<Language, Words> = { en, zh };
