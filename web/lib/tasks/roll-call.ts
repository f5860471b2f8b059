/** How much this person has unfinished in all tabs and in what closed tabs left, asked before signing out. */
import { listen, tell } from "../channel";
import type { Amount, Work } from "./work";

const PATIENCE_MS = 2_500;

export async function unfinishedElsewhere(owner: string, work: Work): Promise<Amount> {
  const amounts = work.others();
  const silent = new Set(await work.livePages());
  if (silent.size > 0) {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(finish, PATIENCE_MS);
      const quiet = listen((message) => {
        if (message.kind !== "present" || message.owner !== owner) return;
        amounts.set(message.page, message.amount);
        silent.delete(message.page);
        if (silent.size === 0) finish();
      });
      function finish() {
        clearTimeout(timer);
        quiet();
        resolve();
      }
      tell({ kind: "roll-call", owner });
    });
  }
  let total: Amount = { unsent: 0, drafts: 0 };
  for (const { unsent, drafts } of amounts.values())
    total = { unsent: total.unsent + unsent, drafts: total.drafts + drafts };
  return total;
}
