/** Mail: by SMTP where it is set; in development its links are printed instead. */
import { createTransport } from "nodemailer";
import { settings } from "./settings";

const PATIENCE_MS = 10_000;

interface Letter {
  to: string;
  subject: string;
  text: string;
  link: string;
}

/** Whether links can reach people, so that what needs one is offered. */
export function mailWorks(): boolean {
  return Boolean(settings().mail) || process.env.NODE_ENV === "development";
}

async function deliver({ to, subject, text, link }: Letter): Promise<void> {
  const { mail } = settings();
  if (!mail) {
    if (process.env.NODE_ENV === "development") console.warn(`taskward web: ${subject}: ${link}`);
    return;
  }
  const transport = createTransport({
    url: mail.url,
    connectionTimeout: PATIENCE_MS,
    greetingTimeout: PATIENCE_MS,
    socketTimeout: PATIENCE_MS,
  });
  await transport.sendMail({ from: mail.from, to, subject, text: `${text}\n\n${link}\n` });
}

/** Returns at once: how long an answer takes must not tell whether there is an account. */
export function send(letter: Letter): void {
  deliver(letter).catch((error: unknown) => {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown";
    console.error(`taskward web: a mail could not be sent (${reason})`);
  });
}
