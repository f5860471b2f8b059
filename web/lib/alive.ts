/** Whether the page's script has taken over: false on the server and until hydration. */
import { useSyncExternalStore } from "react";

const never = () => () => {};

export function useAlive(): boolean {
  return useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
}
