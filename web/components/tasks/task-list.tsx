"use client";
/** One section of the list: its rows, and the way to more of them. */
import { useRef } from "react";
import type { Row } from "@/lib/tasks/view";
import { useDesk } from "../desk-provider";
import { allChecks, focusSoon } from "./focus";
import styles from "./list.module.css";
import { TaskRow } from "./task-row";
import type { Editors, TaskActions } from "./use-task-actions";
import type { List } from "./use-task-lists";

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
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = query;

  async function more() {
    if (isFetchingNextPage) return;
    const last = list.current?.lastElementChild?.querySelector<HTMLElement>("[data-check]");
    await fetchNextPage();
    // On to what was asked for: the button may be gone, and the new rows are what comes next.
    focusSoon(() => {
      const checks = allChecks();
      return last ? checks[checks.indexOf(last) + 1] : checks[0];
    });
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
