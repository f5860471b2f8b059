"use client";
/** Parts of the page that are loaded when somebody asks for them. */
import { type ComponentType, useCallback, useState } from "react";
import { announce } from "@/lib/announce";
import { notify } from "./toasts";

const MISSING = "That part of the page can't be loaded. Check your connection and try again.";

/** The part, once `ask` has been called and it has arrived. What cannot be loaded is said, and can be asked for again. */
export function useLate<Props>(
  load: () => Promise<ComponentType<Props>>,
): [ComponentType<Props> | undefined, () => void] {
  const [part, setPart] = useState<ComponentType<Props>>();
  const ask = useCallback(() => {
    load().then(
      (loaded) => setPart(() => loaded),
      () => {
        notify({ text: MISSING });
        announce(MISSING);
      },
    );
  }, [load]);
  return [part, ask];
}
