/** What can be undone, the latest last. */

interface Entry {
  id: string;
  undo: () => void;
}

/** More than anybody goes back. */
const MOST = 50;

export class UndoStack {
  private entries: Entry[] = [];

  add(id: string, undo: () => void): void {
    this.entries = [...this.entries, { id, undo }].slice(-MOST);
  }

  forget(id: string): void {
    this.entries = this.entries.filter((entry) => entry.id !== id);
  }

  /** False when there is nothing to undo. */
  undoLatest(): boolean {
    const latest = this.entries.pop();
    latest?.undo();
    return Boolean(latest);
  }
}
