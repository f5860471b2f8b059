/** The page without a person, which the service worker shows where there is no connection. */
import type { Metadata } from "next";
import { headers } from "next/headers";
import { Shell } from "@/components/shell";
import { settings } from "@/lib/server/settings";
import { THEMED } from "@/lib/theme";

export const metadata: Metadata = { title: "Tasks" };

export default async function ShellPage() {
  const nonce = (await headers()).get("x-nonce") ?? undefined;
  return (
    <>
      {/* biome-ignore lint/security/noDangerouslySetInnerHtml: a constant of ours, and the nonce is this answer's own */}
      <script nonce={nonce} dangerouslySetInnerHTML={{ __html: THEMED }} suppressHydrationWarning />
      <Shell apiUrl={settings().apiUrl} />
    </>
  );
}
