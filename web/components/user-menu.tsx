"use client";
import { Menu } from "@base-ui/react/menu";
import Link from "next/link";
import { useState } from "react";
import { setTheme, useTheme } from "@/lib/preferences";
import type { Theme } from "@/lib/theme";
import styles from "./header.module.css";
import { ShortcutsDialog } from "./shortcuts-dialog";
import { SignOutDialog, useSignOut } from "./sign-out";

const THEMES: readonly [Theme, string][] = [
  ["system", "As the system"],
  ["light", "Light"],
  ["dark", "Dark"],
];

export function UserMenu({ name, email }: { name: string; email: string }) {
  const theme = useTheme();
  const signOut = useSignOut();
  const [help, setHelp] = useState(false);
  return (
    <>
      <Menu.Root>
        <Menu.Trigger className={styles.who} aria-label={`Menu of ${name}`}>
          {[...name.trim()][0]?.toUpperCase() ?? "?"}
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Positioner className={styles.positioner} align="end" sideOffset={8}>
            <Menu.Popup className={styles.popup}>
              <div className={styles.person}>
                <strong dir="auto">{name}</strong>
                {email}
              </div>
              <Menu.Item className={styles.item} render={<Link href="/account" prefetch={false} />}>
                Account
              </Menu.Item>
              <Menu.Item className={styles.item} onClick={() => setHelp(true)}>
                Keyboard shortcuts <span className={styles.key}>?</span>
              </Menu.Item>
              <div className={styles.line} />
              <Menu.Group>
                <Menu.GroupLabel className={styles.label}>Appearance</Menu.GroupLabel>
                <Menu.RadioGroup value={theme} onValueChange={(value: Theme) => setTheme(value)}>
                  {THEMES.map(([value, label]) => (
                    <Menu.RadioItem key={value} value={value} className={styles.item} closeOnClick={false}>
                      {label}
                    </Menu.RadioItem>
                  ))}
                </Menu.RadioGroup>
              </Menu.Group>
              <div className={styles.line} />
              <Menu.Item className={styles.item} onClick={() => void signOut.begin()}>
                Sign out
              </Menu.Item>
            </Menu.Popup>
          </Menu.Positioner>
        </Menu.Portal>
      </Menu.Root>
      <ShortcutsDialog open={help} onOpenChange={setHelp} />
      <SignOutDialog {...signOut} />
    </>
  );
}
