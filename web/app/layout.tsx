/** The frame of every page: language, theme from the cookie, the live region, notices. */
import type { Metadata, Viewport } from "next";
import { cookies } from "next/headers";
import type { ReactNode } from "react";
import { Announcer } from "@/components/announcer";
import { Toasts } from "@/components/toasts";
import { asTheme, THEME_COOKIE } from "@/lib/theme";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Taskward", template: "%s · Taskward" },
  description: "Your tasks, kept for you alone.",
  robots: { index: false },
};

export const viewport: Viewport = {
  colorScheme: "light dark",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f6f4ee" },
    { media: "(prefers-color-scheme: dark)", color: "#141715" },
  ],
};

export default async function Layout({ children }: { children: ReactNode }) {
  // Written by the server, so the first paint is already right; reading it also makes every page dynamic, which the
  // nonce of the Content-Security-Policy needs.
  const theme = asTheme((await cookies()).get(THEME_COOKIE)?.value);
  return (
    <html lang="en" {...(theme !== "system" && { "data-theme": theme })}>
      <body>
        {children}
        <Announcer />
        <Toasts />
      </body>
    </html>
  );
}
