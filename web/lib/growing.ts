/** Text fields as high as their text, where the browser does not do it by itself (`field-sizing: content`). */

const GROWS = "textarea[data-grows]";

function grow(field: HTMLTextAreaElement): void {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

export function growFields(signal: AbortSignal): void {
  if (CSS.supports("field-sizing", "content")) return;
  const onEvent = ({ target }: Event) =>
    target instanceof HTMLTextAreaElement && target.matches(GROWS) && grow(target);
  document.addEventListener("input", onEvent, { signal });
  document.addEventListener("focusin", onEvent, { signal });
}
