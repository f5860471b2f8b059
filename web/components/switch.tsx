"use client";
import { Switch as Base } from "@base-ui/react/switch";
import styles from "./switch.module.css";

interface SwitchProps {
  label: string;
  checked: boolean;
  onChange: (checked: boolean) => void;
}

export function Switch({ label, checked, onChange }: SwitchProps) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: Base UI's switch renders the input that this label wraps
    <label className={styles.row}>
      <span>{label}</span>
      <Base.Root className={styles.track} checked={checked} onCheckedChange={onChange}>
        <Base.Thumb className={styles.thumb} />
      </Base.Root>
    </label>
  );
}
