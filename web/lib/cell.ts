/** One value that components can watch. */

export class Cell<T> {
  private value: T | undefined;
  private readonly listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): T | undefined => this.value;

  set(value: T | undefined): void {
    this.value = value;
    for (const listener of this.listeners) listener();
  }
}
