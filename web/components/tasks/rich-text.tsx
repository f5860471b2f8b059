/** The words of a task: links are links, and what was searched for is marked. */
import type { ReactNode } from "react";
import { partsOf } from "@/lib/links";
import { folded } from "@/lib/tasks/fields";

export function RichText({ text, q }: { text: string; q: string }) {
  const composed = text.normalize("NFC");
  return partsOf(composed).map(({ text: part, href, at }) =>
    href ? (
      <a key={at} href={href} target="_blank" rel="noopener noreferrer nofollow">
        {marked(part, q)}
      </a>
    ) : (
      marked(part, q, at)
    ),
  );
}

function marked(text: string, q: string, offset = 0): ReactNode {
  const needle = folded(q);
  const lower = folded(text);
  // Lower-casing can change the length of a text (İ): then its positions mean nothing, and nothing is marked.
  if (!needle || lower.length !== text.length) return text;
  const parts: ReactNode[] = [];
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0; at = lower.indexOf(needle, from)) {
    parts.push(text.slice(from, at), <mark key={offset + at}>{text.slice(at, at + needle.length)}</mark>);
    from = at + needle.length;
  }
  return [...parts, text.slice(from)];
}
