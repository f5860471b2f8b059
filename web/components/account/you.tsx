"use client";
/** Name and e-mail address. */
import { useRouter } from "next/navigation";
import { useState } from "react";
import { announce } from "@/lib/announce";
import { asked, authClient } from "@/lib/auth-client";
import { isBlank } from "@/lib/visible";
import { Field } from "../auth/fields";
import { AuthForm, Submit } from "../auth/form";
import { useAttempt } from "../auth/use-attempt";
import { notify } from "../toasts";
import styles from "./account.module.css";

interface YouProps {
  person: { name: string; email: string; emailVerified: boolean; since: string };
  mail: boolean;
  linkRefused: boolean;
}

const day = new Intl.DateTimeFormat("en", { dateStyle: "long", timeZone: "UTC" });

export function say(text: string): void {
  notify({ text });
  announce(text);
}

export function You({ person, mail, linkRefused }: YouProps) {
  const router = useRouter();
  const {
    busy,
    text,
    attempt,
    done: free,
  } = useAttempt(({ code }) =>
    code === "INVALID_NAME" ? "Please give a name that can be seen." : "That didn't work. Please try again.",
  );
  const [problem, setProblem] = useState<string>();

  async function rename(form: FormData) {
    const name = String(form.get("name")).trim();
    const blank = isBlank(name);
    setProblem(blank ? "Please give a name that can be seen." : undefined);
    if (blank) return;
    const saved = await attempt(() => asked((fetchOptions) => authClient.updateUser({ name, fetchOptions })));
    if (!saved) return;
    free();
    say("Your name is saved.");
    router.refresh();
  }

  return (
    <>
      <AuthForm className={styles.line} onSubmit={rename}>
        <Field
          label="Name"
          name="name"
          autoComplete="name"
          defaultValue={person.name}
          dir="auto"
          required
          maxLength={100}
          problem={problem ?? text}
        />
        <Submit busy={busy} className="button">
          {busy ? "Saving…" : "Save name"}
        </Submit>
      </AuthForm>
      <dl className={styles.facts}>
        <dt>E-mail</dt>
        <dd>
          {person.email}
          {mail && <Confirmed email={person.email} done={person.emailVerified} linkRefused={linkRefused} />}
        </dd>
        <dt>Member since</dt>
        <dd>{day.format(new Date(person.since))}</dd>
      </dl>
    </>
  );
}

interface ConfirmedProps {
  email: string;
  done: boolean;
  linkRefused: boolean;
}

const OVER = "That link is too old or has been used.";

function Confirmed({ email, done, linkRefused }: ConfirmedProps) {
  const {
    busy,
    text,
    waiting,
    attempt,
    done: free,
  } = useAttempt(() => "That didn't work. Please try again.");
  const [sent, setSent] = useState(false);
  if (done)
    return (
      <>
        <span className={styles.tag}>confirmed</span>
        {linkRefused && <span className={styles.confirm}>{OVER}</span>}
      </>
    );

  async function send() {
    const ok = await attempt(() =>
      asked((fetchOptions) =>
        authClient.sendVerificationEmail({ email, callbackURL: "/account", fetchOptions }),
      ),
    );
    if (!ok) return;
    free();
    setSent(true);
    announce("A link is on its way.");
  }

  return (
    <span className={styles.confirm}>
      {sent
        ? "Not confirmed yet. A link is on its way."
        : (text ?? (linkRefused ? `${OVER} Send a new one.` : "Not confirmed yet."))}
      {!sent && (
        <button type="button" className="button small" aria-disabled={busy || waiting} onClick={send}>
          {busy ? "Sending…" : "Send a link"}
        </button>
      )}
    </span>
  );
}
