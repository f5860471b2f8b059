"use client";
/** A button for each other account one can sign in with. */
import { asked, authClient } from "@/lib/auth-client";
import { signInPath } from "@/lib/next-path";
import type { Offer } from "@/lib/server/offers";
import styles from "./form.module.css";
import { useAttempt } from "./use-attempt";

interface OffersProps {
  offers: readonly Offer[];
  next: string;
}

export function Offers({ offers, next }: OffersProps) {
  const { busy, text, attempt } = useAttempt(
    () => "That sign-in isn't available right now. Please try again in a moment.",
  );
  if (offers.length === 0) return null;
  const begin = (provider: string) =>
    attempt(() =>
      asked((fetchOptions) =>
        authClient.signIn.social({
          provider,
          callbackURL: signInPath(next, "arrived"),
          errorCallbackURL: signInPath(next),
          fetchOptions,
        }),
      ),
    );
  return (
    <>
      <p className={styles.or}>or</p>
      <div className={styles.offers}>
        {offers.map(({ id, name }) => (
          <button key={id} type="button" className="button" aria-disabled={busy} onClick={() => begin(id)}>
            Continue with {name}
          </button>
        ))}
        {text && <p className={styles.trouble}>{text}</p>}
      </div>
    </>
  );
}
