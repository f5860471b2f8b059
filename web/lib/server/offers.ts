/** The ways to sign in besides a password, as buttons. */
import { settings } from "./settings";

export interface Offer {
  id: string;
  name: string;
}

export function offers(): Offer[] {
  const { google, github, oidc } = settings();
  return [
    ...(google ? [{ id: "google", name: "Google" }] : []),
    ...(github ? [{ id: "github", name: "GitHub" }] : []),
    ...(oidc ? [{ id: "oidc", name: oidc.name }] : []),
  ];
}
