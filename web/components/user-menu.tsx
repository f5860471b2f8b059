"use client";
import { Menu } from "@base-ui/react/menu";
import { useLayoutEffect, useRef, useState } from "react";
import { setTheme, useTheme } from "@/lib/preferences";
import type { Theme } from "@/lib/theme";
import { initialOf, isBlank } from "@/lib/visible";
import styles from "./header.module.css";
import { ShortcutsDialog } from "./shortcuts-dialog";
import { SignOutDialog, useSignOut } from "./sign-out";

const THEMES: readonly [Theme, string][] = [
  ["system", "System"],
  ["light", "Light"],
  ["dark", "Dark"],
];

/** Open from the beginning: it was loaded because somebody asked for it. */
export function UserMenu({ name, email }: { name: string; email: string }) {
  const theme = useTheme();
  const signOut = useSignOut();
  const [help, setHelp] = useState(false);
  const [home, setHome] = useState<HTMLDivElement | null>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  // It takes the place of the button that had the focus.
  useLayoutEffect(() => trigger.current?.focus(), []);
  return (
    <div ref={setHome}>
      <Menu.Root defaultOpen>
        <Menu.Trigger
          ref={trigger}
          className={styles.who}
          aria-label={`Menu of ${isBlank(name) ? email : name}`}
        >
          {initialOf(name, email)}
        </Menu.Trigger>
        {/* Inside the header, so that it belongs to a landmark like everything else. */}
        <Menu.Portal container={home}>
          <Menu.Positioner className={styles.positioner} align="end" sideOffset={8}>
            <Menu.Popup className={styles.popup}>
              <div className={styles.person}>
                {!isBlank(name) && <strong dir="auto">{name}</strong>}
                {email}
              </div>
              <Menu.LinkItem className={styles.item} href="/account">
                Account
              </Menu.LinkItem>
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
    </div>
  );
}
