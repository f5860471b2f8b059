/** Where a text has links: http and https only, and only where what is shown is where it leads. */

export interface Part {
  text: string;
  /** Undefined: plain text. */
  href: string | undefined;
  /** Where it begins in the whole text. */
  at: number;
}

// Marks that turn the direction of text could show another address than the real one; they end a link.
const CANDIDATE = /https?:\/\/[^\s<>"`\u200e\u200f\u202a-\u202e\u2066-\u2069]+/gi;
const CLOSERS: Readonly<Record<string, string>> = { ")": "(", "]": "[", "}": "{" };
const count = (text: string, letter: string) => text.split(letter).length - 1;

/** Without the punctuation of the sentence around it; a closing bracket stays when it was opened inside. */
function trimmed(text: string): string {
  for (let end = text.length; end > 0; end -= 1) {
    const last = text[end - 1] ?? "";
    const opener = CLOSERS[last];
    const head = text.slice(0, end);
    const unopened = opener !== undefined && count(head, last) > count(head, opener);
    if (!unopened && !/[.,;:!?'’”»*_]/.test(last)) return head;
  }
  return "";
}

function hrefOf(text: string): string | undefined {
  try {
    const { protocol, username, password, href } = new URL(text);
    // https://bank.example@evil.example leads to evil.example: such a thing is no link.
    return /^https?:$/.test(protocol) && !username && !password ? href : undefined;
  } catch {
    return undefined;
  }
}

export function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  let from = 0;
  for (const { 0: found, index } of text.matchAll(CANDIDATE)) {
    const link = trimmed(found);
    const href = hrefOf(link);
    if (!href) continue;
    if (index > from) parts.push({ text: text.slice(from, index), href: undefined, at: from });
    parts.push({ text: link, href, at: index });
    from = index + link.length;
  }
  if (from < text.length) parts.push({ text: text.slice(from), href: undefined, at: from });
  return parts;
}
