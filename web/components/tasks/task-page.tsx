"use client";
/** The tasks page, put together. */
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { announce } from "@/lib/announce";
import type { Task } from "@/lib/api/tasks";
import { ConnectionBar } from "../connection-bar";
import { useDesk } from "../desk-provider";
import { FocusKeeper } from "../focus-keeper";
import { Composer } from "./composer";
import { focusHome, focusSearch, neighbour } from "./focus";
import styles from "./list.module.css";
import { Failed, FirstRun, Loading, NothingFound } from "./states";
import { TaskList } from "./task-list";
import { Toolbar } from "./toolbar";
import { useDrafts } from "./use-drafts";
import { useFilters } from "./use-filters";
import { useShortcuts } from "./use-shortcuts";
import { useTaskActions } from "./use-task-actions";
import { type TaskLists, useTaskLists } from "./use-task-lists";

// Loaded when somebody asks for it.
const ShortcutsDialog = lazy(async () => ({
  default: (await import("../shortcuts-dialog")).ShortcutsDialog,
}));

/** `search` is the query of the address as the server saw it. */
export function TaskPage({ search }: { search: string }) {
  const desk = useDesk();
  const { show, q, setShow, setQuery } = useFilters(search);
  const lists = useTaskLists({ show, q });
  const { editing, actions } = useTaskActions();
  const [help, setHelp] = useState(false);
  const [asked, setAsked] = useState(false);
  const { rows, counts, state, problem } = lists;
  const shown = [...(show === "done" ? [] : rows.open), ...(show === "open" ? [] : rows.done)];

  useTitle(counts?.open);
  useUnfinishedEdit(
    shown.map(({ task }) => task),
    editing,
    actions.edit,
  );
  useSpokenResults(q, lists);

  /** The task whose row has the focus. */
  const focused = (): Task | undefined => {
    const id = document.activeElement?.closest("[data-task]")?.getAttribute("data-task");
    return shown.find(({ task }) => task.id === id)?.task;
  };
  const withFocused = (act: (task: Task) => void) => () => {
    const task = focused();
    if (task) act(task);
  };
  const step = (by: number) => () => neighbour(by)?.focus();
  const tick = (task: Task) => {
    // On to the next one, so that a list can be worked through with one finger.
    const next = neighbour(1) ?? neighbour(-1);
    actions.toggle(task);
    (next ?? document.getElementById("main"))?.focus();
  };
  useShortcuts({
    n: focusHome,
    j: step(1),
    k: step(-1),
    x: withFocused(tick),
    e: withFocused((task) => actions.edit(task.id)),
    Delete: withFocused(actions.remove),
    u: () => {
      if (!desk.undoLatest()) announce("Nothing to undo");
    },
    "/": focusSearch,
    "?": () => {
      setAsked(true);
      setHelp(true);
    },
  });

  const nothing = shown.length === 0;
  const firstRun = nothing && show === "all" && !q;
  const done = counts?.completed ?? rows.done.length;
  return (
    <>
      <FocusKeeper />
      <h1>Tasks</h1>
      <Composer onAdd={() => show === "done" && setShow("all")} />
      <Toolbar show={show} q={q} counts={counts} onShow={setShow} onQuery={setQuery} />
      <ConnectionBar problem={problem} listed={state === "ready"} onRetry={lists.retry} />
      {state === "loading" && nothing && <Loading />}
      {state === "failed" && nothing && problem && <Failed problem={problem} onRetry={lists.retry} />}
      {state === "ready" && firstRun && <FirstRun />}
      {state === "ready" && nothing && !firstRun && (
        <NothingFound show={show} q={q} onClearSearch={() => setQuery("")} onShowAll={() => setShow("all")} />
      )}
      {show !== "done" && rows.open.length > 0 && (
        <>
          <h2 className="visually-hidden">Open</h2>
          <TaskList
            label="Open tasks"
            rows={rows.open}
            query={lists.open}
            q={q}
            editing={editing}
            actions={actions}
          />
        </>
      )}
      {show === "all" && rows.open.length === 0 && rows.done.length > 0 && !q && (
        <p className={styles.allDone}>All done. Well kept.</p>
      )}
      {show !== "open" && rows.done.length > 0 && (
        <section className={styles.section} aria-labelledby="done-heading">
          <header>
            <h2 id="done-heading">Completed</h2>
            {!q && (
              <button
                type="button"
                className="button plain small"
                data-clear
                onClick={() => actions.clearCompleted(done)}
              >
                Clear completed
              </button>
            )}
          </header>
          <TaskList
            label="Completed tasks"
            rows={rows.done}
            query={lists.done}
            q={q}
            editing={editing}
            actions={actions}
          />
        </section>
      )}
      <Suspense>{asked && <ShortcutsDialog open={help} onOpenChange={setHelp} />}</Suspense>
    </>
  );
}

function useTitle(open: number | undefined): void {
  useEffect(() => {
    document.title = open ? `(${open}) Tasks · Taskward` : "Tasks · Taskward";
  }, [open]);
}

/** Somebody was changing a task when the page went away: the editor opens again where they were. */
function useUnfinishedEdit(
  tasks: readonly Task[],
  editing: string | undefined,
  edit: (id: string) => void,
): void {
  const drafts = useDrafts();
  const looked = useRef(false);
  useEffect(() => {
    if (looked.current || editing || tasks.length === 0) return;
    looked.current = true;
    const unfinished = new Set(drafts.edited());
    const task = tasks.find(({ id }) => unfinished.has(id));
    if (task) edit(task.id);
  }, [tasks, editing, edit, drafts]);
}

/** A search says how much it found, once it has settled. */
function useSpokenResults(q: string, { state, rows, open, done }: TaskLists): void {
  const settled = state === "ready" && !open.isPlaceholderData && !done.isPlaceholderData;
  const found = rows.open.length + rows.done.length;
  const said = useRef("");
  useEffect(() => {
    if (!settled || said.current === q) return;
    said.current = q;
    if (q) announce(found === 1 ? "1 task matches" : `${found} tasks match`);
  }, [q, settled, found]);
}
