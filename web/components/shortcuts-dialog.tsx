"use client";
import { Dialog } from "@base-ui/react/dialog";
import { setShortcuts, useShortcutsOn } from "@/lib/preferences";
import dialog from "./dialog.module.css";
import { Switch } from "./switch";

const KEYS: readonly [readonly string[], string][] = [
  [["n"], "Write a new task"],
  [["j", "k"], "Next task, previous task"],
  [["x"], "Done, or open again"],
  [["e"], "Edit"],
  [["Del"], "Delete"],
  [["u"], "Undo"],
  [["/"], "Search"],
  [["↑", "↓"], "Between the list and the form for new tasks"],
  [["?"], "This list"],
];

interface ShortcutsDialogProps {
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

export function ShortcutsDialog({ open, onOpenChange }: ShortcutsDialogProps) {
  const on = useShortcutsOn();
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Backdrop className={dialog.backdrop} />
        <Dialog.Popup className={dialog.popup}>
          <Dialog.Title className={dialog.title}>Keyboard shortcuts</Dialog.Title>
          <Dialog.Description className={dialog.text}>Off while typing.</Dialog.Description>
          <dl className={dialog.keys}>
            {KEYS.map(([keys, what]) => (
              <div key={what} className={dialog.pair}>
                <dt>
                  {keys.map((key, index) => (
                    <span key={key}>
                      {index > 0 && " "}
                      <kbd>{key}</kbd>
                    </span>
                  ))}
                </dt>
                <dd>{what}</dd>
              </div>
            ))}
          </dl>
          <div className={dialog.choice}>
            <Switch label="Use single-key shortcuts" checked={on} onChange={setShortcuts} />
          </div>
          <div className={dialog.buttons}>
            <Dialog.Close className="button">Close</Dialog.Close>
          </div>
        </Dialog.Popup>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
