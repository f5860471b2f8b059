/**
 * What a page behind sign-in can do before its script runs, as text for an inline script: Enter in the form for new tasks
 * is kept as an unsent change, which the page sends when it wakes up; on a phone the button shows the form; other clicks
 * on buttons, check boxes and radio buttons are done again when somebody answers them.
 */

/** Set on the document's root while the form for new tasks is shown on a small screen. */
export const COMPOSING = "composing";

interface Early {
  /** New tasks, where the browser stores nothing. */
  held: { title: string; description: string }[];
  /** What was clicked, in that order. */
  clicked: HTMLElement[];
}

declare global {
  interface Window {
    /** Ends, and gives back what is left to do. */
    taskwardEarly?: (() => Early) | undefined;
  }
}

/** Ends the waiting: the page is awake, and does what was clicked meanwhile. Gives back what was added. */
export function wake(): Early["held"] {
  const { held = [], clicked = [] } = window.taskwardEarly?.() ?? {};
  // When the rest of the page is awake, too.
  setTimeout(() => {
    for (const control of clicked) control.click();
  });
  return held;
}

/** `owner` is in the page as data, so that the script's text is the same for everybody. */
export const EARLY = `(() => {
  const over = new AbortController();
  const options = { capture: true, signal: over.signal };
  const held = [];
  const clicked = [];
  const add = (form) => {
    const title = form.elements.title.value.trim();
    const description = form.elements.description ? form.elements.description.value.trim() : "";
    if (!title) return;
    const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0")).join("");
    const op = { id, at: new Date().toISOString(), state: "queued", attempts: 0, kind: "add",
      title: title.normalize("NFC").replace(/\\s*[\\r\\n]+\\s*/g, " "), description: description || null };
    try {
      localStorage.setItem("taskward:of:" + form.dataset.owner + ":work:" + id, JSON.stringify({ ops: [op] }));
    } catch {
      held.push({ title, description });
    }
    form.reset();
    form.dataset.held = "";
  };
  addEventListener("submit", (event) => {
    if (!event.target.matches("form[data-owner]")) return;
    event.preventDefault();
    add(event.target);
  }, options);
  addEventListener("keydown", (event) => {
    const { target, key, keyCode, isComposing, shiftKey } = event;
    if (key !== "Enter" || keyCode === 229 || isComposing || shiftKey || !target.matches("[data-home]")) return;
    event.preventDefault();
    if (!event.repeat) add(target.form);
  }, options);
  addEventListener("click", (event) => {
    const control = event.target.closest("button[type=button], input[type=checkbox], input[type=radio]");
    if (!control) return;
    if (control.matches("[data-compose]")) {
      document.documentElement.dataset.${COMPOSING} = "";
      document.querySelector("[data-home]").focus();
      return;
    }
    event.preventDefault();
    clicked.push(control);
    const row = control.closest("[data-row]");
    if (row) row.dataset.saving = "";
  }, options);
  window.taskwardEarly = () => { over.abort(); window.taskwardEarly = undefined; return { held, clicked }; };
})();`;
