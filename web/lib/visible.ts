/** Text that shows nothing: spaces, and characters made to be invisible (U+200B, U+00AD, U+3164, U+2800 and their like). */

const VISIBLE = /[^\p{Z}\p{Cc}\p{Cf}\p{Cs}\p{M}\p{Default_Ignorable_Code_Point}\u2800]/u;

export function isBlank(text: string): boolean {
  return !VISIBLE.test(text);
}

/** The letter that stands for a person: of the name, or of the e-mail when the name shows nothing. */
export function initialOf(name: string, email: string): string {
  const first = [...name, ...email].find((letter) => !isBlank(letter) && letter !== "?");
  return first?.toUpperCase() ?? "·";
}
