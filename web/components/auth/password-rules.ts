/** What a new password must be like. */

const SHORTEST = 8;
const LONGEST = 128;

export const PASSWORD_HINT = `At least ${SHORTEST} characters.`;
export const TOO_LONG = `That password is too long: ${LONGEST} characters at most.`;

/** What is wrong with a new password, or undefined. */
export function passwordProblem(password: string): string | undefined {
  if (password.length < SHORTEST) return `Please use at least ${SHORTEST} characters.`;
  return password.length > LONGEST ? TOO_LONG : undefined;
}
