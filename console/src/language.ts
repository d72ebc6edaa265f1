// Which language the page speaks, and who must be told when that changes.
import { recall, remember } from './memory';
import { languages, type Language, type Words } from './words';

const listeners: ((words: Words) => void)[] = [];
let current: Language = chosen() ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');

export function words(): Words {
  return languages[current];
}

/** Calls `label` now and whenever the reader switches. */
export function onLanguage(label: (words: Words) => void): void {
  listeners.push(label);
  label(words());
}

export function switchLanguage(): void {
  current = current === 'zh' ? 'en' : 'zh';
  remember('language', current);
  for (const label of listeners) label(words());
}

onLanguage(() => {
  document.documentElement.lang = current === 'zh' ? 'zh-CN' : 'en';
});

function chosen(): Language | undefined {
  const language = recall('language');
  return language === 'zh' || language === 'en' ? language : undefined;
}
