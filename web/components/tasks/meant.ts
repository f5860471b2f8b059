/** Double clicks: the second one meets the row that came in the first one's place. */
/** Shorter than anybody takes to see the next row and mean it. */
const DOUBLE_MS = 300;
const SAME_PX = 5;

let last = { id: "", at: Number.NEGATIVE_INFINITY, x: 0, y: 0 };

/** False for the second click of a double click when the first one was on another task. */
export function isMeant(event: Event, id: string): boolean {
  if (!(event instanceof MouseEvent)) return true;
  // Not by `detail`: browsers count anew when another element is under the pointer. A key's click has none.
  const { detail, timeStamp: at, clientX: x, clientY: y } = event;
  const near = Math.hypot(x - last.x, y - last.y) <= SAME_PX;
  const echo = detail > 0 && near && last.id !== id && at - last.at < DOUBLE_MS;
  if (!echo) last = { id, at, x, y };
  return !echo;
}
