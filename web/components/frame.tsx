"use client";
/** What stands around every page behind sign-in, made for one person. */
import { type ReactNode, useEffect } from "react";
import type { Known } from "@/lib/tasks/memory";
import { DeskProvider } from "./desk-provider";
import styles from "./frame.module.css";
import { Header } from "./header";
import { SigningOut } from "./signing-out";

interface FrameProps {
  person: Known;
  apiUrl: string;
  children: ReactNode;
}

export function Frame({ person, apiUrl, children }: FrameProps) {
  useEffect(() => {
    // In development files change without changing their names.
    if (process.env.NODE_ENV !== "production" || !("serviceWorker" in navigator)) return;
    // When the page is done: what may be needed later is not loaded before what is needed now.
    const register = () => void navigator.serviceWorker.register("/sw.js").catch(() => {});
    if (document.readyState === "complete") register();
    else window.addEventListener("load", register, { once: true });
  }, []);
  return (
    <DeskProvider person={person} apiUrl={apiUrl}>
      <a className="skip" href="#main">
        Skip to content
      </a>
      <Header name={person.name} email={person.email} />
      <main id="main" tabIndex={-1} className={styles.main}>
        {children}
      </main>
      <SigningOut />
    </DeskProvider>
  );
}
