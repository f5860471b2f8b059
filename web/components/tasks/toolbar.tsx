"use client";
/** All, open or done, with how many of each; and search. */
import { type KeyboardEvent, type MouseEvent, useEffect, useRef, useState } from "react";
import { isComposing } from "@/lib/keys";
import { Cross, Lens } from "../icons";
import { firstCheck, focusMain } from "./focus";
import styles from "./toolbar.module.css";
import { type Filters, hrefOf, type Show } from "./use-filters";
import type { Shown } from "./use-task-lists";

const SETTLE_MS = 200;

const SHOWS: readonly [Show, string][] = [
  ["all", "All"],
  ["open", "Open"],
  ["done", "Done"],
];

interface ToolbarProps extends Filters {
  counts: Shown | undefined;
  onShow: (show: Show) => void;
  onQuery: (q: string) => void;
}

export function Toolbar({ show, q, counts, onShow, onQuery }: ToolbarProps) {
  const number = (count: number, more: boolean) => `${count}${more ? "+" : ""}`;
  const numbers = counts && {
    all: number(counts.open + counts.completed, counts.openMore || counts.completedMore),
    open: number(counts.open, counts.openMore),
    done: number(counts.completed, counts.completedMore),
  };
  function choose(event: MouseEvent, next: Show) {
    // A link, so that it can be opened elsewhere; followed here without a trip to the server.
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    onShow(next);
  }
  return (
    <div className={styles.toolbar}>
      <nav aria-label="Which tasks">
        <ul className={styles.shows}>
          {SHOWS.map(([value, label]) => (
            <li key={value}>
              <a
                href={hrefOf({ show: value, q })}
                aria-current={show === value ? "page" : undefined}
                onClick={(event) => choose(event, value)}
              >
                {label} <span className={styles.count}>{numbers?.[value] ?? "\u00a0"}</span>
              </a>
            </li>
          ))}
        </ul>
      </nav>
      <Search q={q} onQuery={onQuery} />
    </div>
  );
}

function Search({ q, onQuery }: { q: string; onQuery: (q: string) => void }) {
  const [typed, setTyped] = useState(q);
  const field = useRef<HTMLInputElement>(null);
  const said = useRef(q);

  // Typed before the script ran.
  useEffect(() => setTyped((now) => field.current?.value ?? now), []);

  // The address changed by other means: back, a cleared search.
  useEffect(() => {
    if (q === said.current) return;
    said.current = q;
    setTyped(q);
  }, [q]);

  useEffect(() => {
    const wanted = typed.trim();
    if (wanted === said.current) return;
    const timer = setTimeout(
      () => {
        said.current = wanted;
        onQuery(wanted);
      },
      wanted ? SETTLE_MS : 0,
    );
    return () => clearTimeout(timer);
  }, [typed, onQuery]);

  function empty() {
    setTyped("");
    field.current?.focus();
  }

  function onKeyDown(event: KeyboardEvent) {
    // The browser itself would empty the field, even if the key is meant for another part of the page.
    if (event.key === "Escape") event.preventDefault();
    if (isComposing(event.nativeEvent)) return;
    if (event.key === "Escape") {
      // The first one empties the field, the next one leaves it.
      if (typed) setTyped("");
      else focusMain();
    }
    const first = event.key === "ArrowDown" && firstCheck();
    if (!first) return;
    event.preventDefault();
    first.focus();
  }

  return (
    <search className={styles.search}>
      <Lens />
      <input
        ref={field}
        type="search"
        className="field"
        aria-label="Search tasks"
        placeholder="Search"
        value={typed}
        maxLength={200}
        autoComplete="off"
        data-search
        onChange={(event) => setTyped(event.target.value)}
        onKeyDown={onKeyDown}
      />
      {typed && (
        <button type="button" aria-label="Clear search" onClick={empty}>
          <Cross />
        </button>
      )}
    </search>
  );
}
