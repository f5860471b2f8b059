"use client";
/** All tasks as a file, and tasks from a file. */
import { useRef, useState } from "react";
import { authorizedFetch } from "@/lib/api/fetch";
import { asProblem } from "@/lib/api/problem";
import { readFile, toCsvFile, toJsonFile, UnknownFile } from "@/lib/transfer/file";
import { allTasks, type Imported, importTasks } from "@/lib/transfer/transfer";
import { useDesk } from "../desk-provider";
import styles from "./account.module.css";
import { say } from "./you";

const LARGEST = 20 * 1024 * 1024;

const counted = (count: number) => (count === 1 ? "1 task" : `${count.toLocaleString("en")} tasks`);

function outcome({ added, known, unfit }: Imported): string {
  const parts = [`${counted(added)} added.`];
  if (known) parts.push(`${counted(known)} already here.`);
  if (unfit) parts.push(`${counted(unfit)} left out: without a title, or too long.`);
  return parts.join(" ");
}

function download(text: string, type: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = Object.assign(document.createElement("a"), { href: url, download: name });
  link.click();
  // The download has its own hold on the data by then.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function Transfer({ apiUrl }: { apiUrl: string }) {
  const desk = useDesk();
  const file = useRef<HTMLInputElement>(null);
  const [busy, setBusy] = useState<string>();
  const [trouble, setTrouble] = useState<string>();
  const service = { apiUrl, owner: desk.owner, send: authorizedFetch(desk.tokens) };

  async function attempt(doing: string, act: () => Promise<string>) {
    if (busy) return;
    setBusy(doing);
    setTrouble(undefined);
    try {
      say(await act());
    } catch (error) {
      setTrouble(
        error instanceof UnknownFile
          ? "That isn't a file of tasks: a JSON or CSV file from here, or a table with a column “title”."
          : asProblem(error).message,
      );
    }
    setBusy(undefined);
  }

  const give = (kind: "json" | "csv") =>
    attempt("Collecting your tasks…", async () => {
      const tasks = await allTasks(service);
      const at = new Date().toISOString();
      const name = `taskward-${at.slice(0, 10)}.${kind}`;
      if (kind === "json") download(toJsonFile(tasks, at), "application/json", name);
      else download(toCsvFile(tasks), "text/csv;charset=utf-8", name);
      return `${counted(tasks.length)} exported.`;
    });

  const take = (chosen: File) =>
    attempt("Reading the file…", async () => {
      if (chosen.size > LARGEST) throw new UnknownFile();
      const drafts = readFile(await chosen.text());
      const result = await importTasks(service, drafts, (done) =>
        setBusy(`Adding ${done.toLocaleString("en")} of ${counted(drafts.length)}…`),
      );
      return outcome(result);
    });

  return (
    <>
      <div className={styles.actions}>
        <button
          type="button"
          className="button"
          aria-disabled={Boolean(busy)}
          onClick={() => void give("json")}
        >
          Export as JSON
        </button>
        <button
          type="button"
          className="button"
          aria-disabled={Boolean(busy)}
          onClick={() => void give("csv")}
        >
          Export as CSV
        </button>
        <button
          type="button"
          className="button"
          aria-disabled={Boolean(busy)}
          onClick={() => !busy && file.current?.click()}
        >
          Import…
        </button>
        <input
          ref={file}
          type="file"
          hidden
          aria-label="File of tasks"
          accept=".json,.csv,application/json,text/csv"
          onChange={(event) => {
            const [chosen] = event.target.files ?? [];
            // The same file again is a choice too.
            event.target.value = "";
            if (chosen) void take(chosen);
          }}
        />
      </div>
      {busy && <p className="muted">{busy}</p>}
      {trouble && <p className="error">{trouble}</p>}
    </>
  );
}
