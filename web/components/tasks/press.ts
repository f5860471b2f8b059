/**
 * Waiting until a press of the mouse is over. What changes the page while a button is down moves things away from under
 * the pointer, and the click that was meant for one of them is lost.
 */

let pressed = false;
let waiting: (() => void)[] = [];

function released(): void {
  pressed = false;
  const acts = waiting;
  waiting = [];
  // After the click that belongs to it.
  setTimeout(() => {
    for (const act of acts) act();
  });
}

/** Follows the mouse until aborted. A finger's tap is followed as the press that browsers make of it. */
export function followPress(signal: AbortSignal): void {
  const options = { capture: true, signal };
  document.addEventListener(
    "mousedown",
    () => {
      pressed = true;
    },
    options,
  );
  document.addEventListener("mouseup", released, options);
  document.addEventListener("dragend", released, options);
}

/** At once, unless a button is down: then when it is up again. */
export function afterPress(act: () => void): void {
  if (pressed) waiting.push(act);
  else act();
}
