/** A short text at the foot of the page, perhaps with a way to undo what it says. */
export interface Notice {
  text: string;
  undo?: () => void;
  /** Called when it goes, however it does. */
  onClose?: () => void;
}
