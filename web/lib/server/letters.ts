/** The letters that Better Auth asks for. */
import { send } from "./mail";

interface Occasion {
  user: { email: string };
  url: string;
}

export async function sendResetPassword({ user, url }: Occasion): Promise<void> {
  send({
    to: user.email,
    subject: "Choose a new password for Taskward",
    text: "Somebody, probably you, asked for a new password for your Taskward account. Choose one within an hour by opening this link. If it wasn't you, do nothing: your password stays as it is.",
    link: url,
  });
}

export async function sendVerificationEmail({ user, url }: Occasion): Promise<void> {
  send({
    to: user.email,
    subject: "Confirm your e-mail address for Taskward",
    text: "Open this link within an hour to confirm that this is your address. If you have no account at Taskward, do nothing.",
    link: url,
  });
}
