/** The e-mail address as typed last, so that going from one form to another does not lose it. In memory only. */

let email = "";

export const typedEmail = (): string => email;

export function rememberEmail(typed: string): void {
  email = typed;
}
