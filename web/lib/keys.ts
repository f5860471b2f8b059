/** What a key press means, where input methods are in use. */

interface Press {
  isComposing: boolean;
  keyCode: number;
}

/**
 * True for keys that an input method uses for itself: Enter that takes a suggestion, Escape that drops one. Safari ends
 * the composition before it sends the key, so `isComposing` is false there; 229 is the code it gives such a key.
 */
export const isComposing = (press: Press): boolean => press.isComposing || press.keyCode === 229;
