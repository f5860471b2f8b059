"use client";
/** One field for one member of a task: grows with its text, and says what is wrong with it. */
import type { Ref } from "react";
import { type Control, type Field, fieldOf } from "@/lib/tasks/fields";

interface WordFieldProps {
  name: Field;
  /** The beginning of its ids on the page. */
  id: string;
  className: string | undefined;
  label?: string;
  problem: string | undefined;
  start?: string;
  rows?: number;
  home?: boolean;
  ref?: Ref<HTMLTextAreaElement>;
}

/** What the Enter key of a keyboard on a screen does. */
const ENTER: Record<Control, "done" | "enter"> = { line: "done", text: "enter" };

export function WordField({
  name,
  id,
  className,
  label,
  problem,
  start,
  rows = 1,
  home,
  ref,
}: WordFieldProps) {
  const field = fieldOf(name);
  const about = `${id}-${name}-problem`;
  return (
    <>
      <textarea
        ref={ref}
        name={name}
        className={className}
        aria-label={label ?? field.label}
        placeholder={field.placeholder}
        defaultValue={start}
        rows={rows}
        dir="auto"
        autoComplete="off"
        enterKeyHint={ENTER[field.control]}
        aria-invalid={problem ? true : undefined}
        aria-describedby={problem ? about : undefined}
        // biome-ignore lint/a11y/noAutofocus: writing a task down is what this page is for
        autoFocus={home}
        data-home={home}
        data-grows
      />
      {problem && (
        <p id={about} className="error">
          {problem}
        </p>
      )}
    </>
  );
}
