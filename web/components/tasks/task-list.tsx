"use client";
/** One section of the list: its rows, and the way to more of them. */
import { useRef } from "react";
import type { Row } from "@/lib/tasks/view";
import { useDesk } from "../desk-provider";
import { focusSoon } from "./focus";
import styles from "./list.module.css";
import { TaskRow } from "./task-row";
import type { Editors, TaskActions } from "./use-task-actions";
import type { List } from "./use-task-lists";

const MOST_TRIES = 3;

interface TaskListProps {
  label: string;
  rows: readonly Row[];
  query: List["query"];
  q: string;
  editors: Editors;
  actions: TaskActions;
}

export function TaskList({ label, rows, query, q, editors, actions }: TaskListProps) {
  const desk = useDesk();
  const list = useRef<HTMLUListElement>(null);
  const { data, hasNextPage, isFetchingNextPage, fetchNextPage } = query;

  async function more() {
    if (isFetchingNextPage) return;
    const checks = () => [...(list.current?.querySelectorAll<HTMLElement>("[data-check]") ?? [])];
    const last = checks().at(-1);
    const before = data?.pages.length ?? 0;
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const asked = await fetchNextPage({ cancelRefetch: false });
      // A change that is heard of meanwhile calls it off, and the pages that were there are asked for anew.
      if (asked.isError || !asked.hasNextPage || (asked.data?.pages.length ?? 0) > before) break;
    }
    // On to what was asked for: the button may be gone, and the new rows are what comes next.
    focusSoon(() => checks()[last ? checks().indexOf(last) + 1 : 0]);
  }

  return (
    <>
      <ul ref={list} className={`card ${styles.list}`} aria-label={label}>
        {rows.map((row) => {
          const key = desk.rowKey(row.task.id);
          return (
            <TaskRow key={key} rowKey={key} row={row} q={q} editor={editors.get(key)} actions={actions} />
          );
        })}
      </ul>
      {hasNextPage && (
        <div className={styles.more}>
          <button type="button" className="button" aria-disabled={isFetchingNextPage} onClick={more}>
            {isFetchingNextPage ? "Loading…" : "Load more"}
          </button>
        </div>
      )}
    </>
  );
}
