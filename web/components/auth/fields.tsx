"use client";
/** The fields of the forms about accounts. */
import { type ComponentProps, useId, useState } from "react";
import styles from "./form.module.css";

interface FieldProps extends ComponentProps<"input"> {
  label: string;
  problem?: string | undefined;
  hint?: string;
}

export function Field({ label, problem, hint, ...input }: FieldProps) {
  const id = useId();
  const about = problem ? `${id}-problem` : hint ? `${id}-hint` : undefined;
  return (
    <div className={styles.row}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      <input
        id={id}
        className="field"
        aria-invalid={problem ? true : undefined}
        aria-describedby={about}
        {...input}
      />
      {problem ? (
        <p id={`${id}-problem`} className="error">
          {problem}
        </p>
      ) : (
        hint && (
          <p id={`${id}-hint`} className={styles.hint}>
            {hint}
          </p>
        )
      )}
    </div>
  );
}

export function PasswordField({ label, problem, hint, ...input }: FieldProps) {
  const id = useId();
  const [shown, setShown] = useState(false);
  const about = problem ? `${id}-problem` : hint ? `${id}-hint` : undefined;
  return (
    <div className={styles.row}>
      <label className={styles.label} htmlFor={id}>
        {label}
      </label>
      <div className={styles.password}>
        <input
          id={id}
          className="field"
          type={shown ? "text" : "password"}
          autoCapitalize="none"
          spellCheck={false}
          aria-invalid={problem ? true : undefined}
          aria-describedby={about}
          {...input}
        />
        <button
          type="button"
          className={styles.reveal}
          aria-label={shown ? "Hide password" : "Show password"}
          onClick={() => setShown(!shown)}
        >
          {shown ? "Hide" : "Show"}
        </button>
      </div>
      {(problem ?? hint) && (
        <p id={about} className={problem ? "error" : styles.hint}>
          {problem ?? hint}
        </p>
      )}
    </div>
  );
}
