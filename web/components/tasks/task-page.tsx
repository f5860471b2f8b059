"use client";
/** The tasks page, put together. */
import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { announce } from "@/lib/announce";
import type { Task } from "@/lib/api/tasks";
import type { FirstPage } from "@/lib/server/first-page";
import { matches, type Words } from "@/lib/tasks/fields";
import type { EditDraft } from "@/lib/tasks/work";
import { ConnectionBar } from "../connection-bar";
import { useDesk } from "../desk-provider";
import { FocusKeeper } from "../focus-keeper";
import { useLate } from "../late";
import { Composer } from "./composer";
import { focusHome, focusSearch, neighbour } from "./focus";
import styles from "./list.module.css";
import { followPress } from "./press";
import { Failed, FirstRun, Loading, NothingFound } from "./states";
import { TaskList } from "./task-list";
import { Toolbar } from "./toolbar";
import { useFilters } from "./use-filters";
import { useShortcuts } from "./use-shortcuts";
import { type Editors, type TaskActions, useTaskActions } from "./use-task-actions";
import { type TaskLists, useTaskLists } from "./use-task-lists";

const loadShortcuts = async () => (await import("../shortcuts-dialog")).ShortcutsDialog;

interface TaskPageProps {
  /** The query of the URL as the server saw it. */
  search: string;
  /** What the server asked for already; undefined when it could not. */
  first: FirstPage | undefined;
}

export function TaskPage({ search, first }: TaskPageProps) {
  const desk = useDesk();
  const { show, q, setShow, setFilters, setQuery } = useFilters(search);
  const { editors, actions, show: showing } = useTaskActions();
  const pinned = useMemo(() => [...editors.values()], [editors]);
  const lists = useTaskLists({ show, q }, pinned, first);
  const [help, setHelp] = useState(false);
  const [ShortcutsDialog, loadDialog] = useLate(loadShortcuts);
  const { rows, counts, state, problem } = lists;
  // A row whose editor is open stays, whatever else is shown.
  const isOpen = ({ task }: { task: Task }) => editors.has(desk.rowKey(task.id));
  const open = show === "done" ? rows.open.filter(isOpen) : rows.open;
  const done = show === "open" ? rows.done.filter(isOpen) : rows.done;
  const shown = [...open, ...done];

  useEffect(() => showing(rows), [showing, rows]);
  useEffect(() => {
    const over = new AbortController();
    followPress(over.signal);
    return () => over.abort();
  }, []);
  useTitle(q ? undefined : counts?.open);
  useUnfinishedEdits(state === "ready", editors, actions);
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
  const step = (by: number) => () => {
    const next = neighbour(by);
    if (next) next.focus();
    else if (by < 0) focusHome();
  };
  const undo = () => {
    if (!desk.undoLatest()) announce("Nothing to undo");
  };
  useShortcuts({
    n: focusHome,
    j: step(1),
    k: () => neighbour(-1)?.focus(),
    ArrowDown: step(1),
    ArrowUp: step(-1),
    x: withFocused(actions.toggle),
    e: withFocused((task) => actions.edit(task.id)),
    Delete: withFocused(actions.remove),
    u: undo,
    "Mod+z": undo,
    "/": focusSearch,
    "?": () => {
      loadDialog();
      setHelp(true);
    },
  });

  /** A new task is shown: what would hide it is taken away, and that is said. */
  function onAdd(words: Words) {
    const hidden = show === "done" || (q !== "" && !matches(words, q));
    if (!hidden) return;
    setFilters({ show: show === "done" ? "all" : show, q: matches(words, q) ? q : "" });
    announce(`Added ${words.title}. ${show === "done" ? "All tasks are shown." : "The search was cleared."}`);
  }

  const nothing = shown.length === 0;
  const firstRun = nothing && show === "all" && !q;
  const total = counts?.completed ?? rows.done.length;
  const completed = rows.done.map(({ task }) => task).filter((task) => task.completed);
  return (
    <>
      <FocusKeeper />
      <h1 className={styles.heading}>Tasks</h1>
      <Composer onAdd={onAdd} />
      <Toolbar show={show} q={q} counts={counts} onShow={setShow} onQuery={setQuery} />
      <ConnectionBar problem={problem} listed={state === "ready"} onRetry={lists.retry} />
      {state === "loading" && nothing && <Loading />}
      {state === "failed" && nothing && problem && <Failed problem={problem} onRetry={lists.retry} />}
      {state === "ready" && firstRun && <FirstRun />}
      {state === "ready" && nothing && !firstRun && (
        <NothingFound show={show} q={q} onClearSearch={() => setQuery("")} onShowAll={() => setShow("all")} />
      )}
      {open.length > 0 && (
        <>
          <h2 className="visually-hidden">Open</h2>
          <TaskList
            label="Open tasks"
            rows={open}
            query={lists.open}
            q={q}
            editors={editors}
            actions={actions}
          />
        </>
      )}
      {show === "all" && open.length === 0 && done.length > 0 && !q && (
        <p className={styles.allDone}>All done. Well kept.</p>
      )}
      {done.length > 0 && (
        <section className={styles.section} aria-labelledby="done-heading">
          <header>
            <h2 id="done-heading">Completed</h2>
            {!q && (
              <button
                type="button"
                className="button plain small"
                data-clear
                onClick={() => actions.clearCompleted(completed, total, lists.until)}
              >
                Clear completed
              </button>
            )}
          </header>
          <TaskList
            label="Completed tasks"
            rows={done}
            query={lists.done}
            q={q}
            editors={editors}
            actions={actions}
          />
        </section>
      )}
      {ShortcutsDialog && <ShortcutsDialog open={help} onOpenChange={setHelp} />}
    </>
  );
}

function useTitle(open: number | undefined): void {
  useEffect(() => {
    document.title = open ? `(${open}) Tasks · Taskward` : "Tasks · Taskward";
  }, [open]);
}

const NO_DRAFTS: readonly EditDraft[] = [];

/** Somebody was changing tasks when a page went away: the editors open again, with what was typed. */
function useUnfinishedEdits(ready: boolean, editors: Editors, actions: TaskActions): void {
  const { work, rowKey } = useDesk();
  const edits = useSyncExternalStore(
    work.subscribe,
    () => work.snapshot().edits,
    () => NO_DRAFTS,
  );
  useEffect(() => {
    if (!ready) return;
    for (const draft of edits) if (!editors.has(rowKey(draft.taskId))) actions.resume(draft);
  }, [ready, edits, editors, actions, rowKey]);
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
