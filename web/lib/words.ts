/** The limits of a title and a description, counted as the service counts them: in characters, not in UTF-16 units. */

export const TITLE_MOST = 200;
export const DESCRIPTION_MOST = 5000;

export interface WordProblems {
  title?: string;
  description?: string;
}

export function lengthOf(text: string): number {
  return [...text].length;
}

/** What will be sent: trimmed, one line in a title, nothing rather than an empty description, no NUL. */
export function tidied(title: string, description: string): { title: string; description: string | null } {
  const clean = (text: string) => text.replaceAll("\0", "").trim();
  return { title: clean(title).replace(/\s*[\r\n]+\s*/g, " "), description: clean(description) || null };
}

export function problemsOf({
  title,
  description,
}: {
  title: string;
  description: string | null;
}): WordProblems {
  const problems: WordProblems = {};
  if (!title) problems.title = "A task needs a title.";
  const over = lengthOf(title) - TITLE_MOST;
  if (over > 0) problems.title = `A title has at most ${TITLE_MOST} characters; this is ${over} too many.`;
  const beyond = lengthOf(description ?? "") - DESCRIPTION_MOST;
  if (beyond > 0) {
    const most = DESCRIPTION_MOST.toLocaleString("en");
    problems.description = `A description has at most ${most} characters; this is ${beyond.toLocaleString("en")} too many.`;
  }
  return problems;
}
