"use client";
/** The page's one polite live region. */
import { useEffect, useState } from "react";
import { onAnnouncement } from "@/lib/announce";

export function Announcer() {
  const [text, setText] = useState("");
  useEffect(
    () =>
      onAnnouncement((next) => {
        // The same words twice are a new message only if the region differs: an invisible space sees to that.
        setText((last) => (last === next ? `${next}\u00a0` : next));
      }),
    [],
  );
  return (
    <div role="status" aria-live="polite" aria-atomic="true" className="visually-hidden">
      {text}
    </div>
  );
}
