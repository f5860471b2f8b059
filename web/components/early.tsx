/** What people do before the page's script runs is held, not lost: see lib/early. */
import { headers } from "next/headers";
import { EARLY } from "@/lib/early";

export async function Early() {
  const nonce = (await headers()).get("x-nonce") ?? undefined;
  return (
    // biome-ignore lint/security/noDangerouslySetInnerHtml: a constant of ours, and the nonce is this answer's own
    <script nonce={nonce} dangerouslySetInnerHTML={{ __html: EARLY }} suppressHydrationWarning />
  );
}
