/** Text with what was searched for marked in it. */

export function Marked({ text, q }: { text: string; q: string }) {
  const needle = q.toLowerCase();
  const lower = text.toLowerCase();
  // Lower-casing can change the length of a text (İ): then its positions mean nothing, and nothing is marked.
  if (!needle || lower.length !== text.length) return text;
  const parts = [];
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
    parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + needle.length)}</mark>);
    from = at + needle.length;
  }
  return [...parts, text.slice(from)];
}
