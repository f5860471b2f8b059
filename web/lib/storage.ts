/** What this browser keeps for a person between visits: drafts, unsent changes, choices. Never a token. */

const PREFIX = "taskward:";

/** Private windows and full disks throw on write. Then nothing is kept; whoever writes is told. */
function attempt<T>(use: (store: Storage) => T): T | undefined {
  try {
    return typeof localStorage === "undefined" ? undefined : use(localStorage);
  } catch {
    return undefined;
  }
}

/** False when the browser did not take it. */
export function keep(key: string, value: unknown): boolean {
  return Boolean(
    attempt((store) => {
      store.setItem(PREFIX + key, JSON.stringify(value));
      return true;
    }),
  );
}

export function kept<T>(key: string): T | undefined {
  const raw = attempt((store) => store.getItem(PREFIX + key));
  if (!raw) return undefined;
  try {
    return JSON.parse(raw) as T;
  } catch {
    return undefined; // written by an older version or by hand
  }
}

export function discard(key: string): void {
  attempt((store) => store.removeItem(PREFIX + key));
}

export function keptKeys(prefix: string): string[] {
  const all = attempt((store) => Array.from({ length: store.length }, (_, index) => store.key(index) ?? ""));
  return (all ?? []).filter((key) => key.startsWith(PREFIX + prefix)).map((key) => key.slice(PREFIX.length));
}

const OWNED = "of:";

/** The key of something that belongs to one person, so that nobody else on this machine is shown it. */
export function owned(owner: string, name: string): string {
  return `${OWNED}${owner}:${name}`;
}

/** Forgets what belongs to one person. What others have not sent yet waits for their return. */
export function forgetOwned(owner: string): void {
  for (const key of keptKeys(owned(owner, ""))) discard(key);
}
