// Finding and making elements. Texts only ever become text nodes, never markup.

export function find<T extends HTMLElement = HTMLElement>(selector: string): T {
  const element = document.querySelector<T>(selector);
  if (!element) throw new Error(`the page has no ${selector}`);
  return element;
}

/** An element with a class, a text or children, and `data-` attributes. */
export function make(
  tag: string,
  className: string,
  content: string | readonly Node[] = '',
  data: Record<string, string> = {},
): HTMLElement {
  const element = document.createElement(tag);
  element.className = className;
  if (typeof content === 'string') element.textContent = content;
  else element.append(...content);
  Object.assign(element.dataset, data);
  return element;
}
