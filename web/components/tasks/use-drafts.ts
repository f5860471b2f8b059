"use client";
/** What is being typed, kept over a reload, a lost session and a lost connection. */
import { useMemo } from "react";
import { discard, keep, kept, keptKeys, owned } from "@/lib/storage";
import type { Base } from "@/lib/tasks/ops";
import { useDesk } from "../desk-provider";

export interface Typed {
  title: string;
  description: string;
}

export interface EditDraft extends Typed {
  /** The words the person began with: what the task must still say for the edit to apply. */
  base: Base;
}

export interface Drafts {
  fresh: () => Typed | undefined;
  keepFresh: (typed: Typed) => void;
  edit: (taskId: string) => EditDraft | undefined;
  keepEdit: (taskId: string, draft: EditDraft) => void;
  dropEdit: (taskId: string) => void;
  /** The tasks somebody was in the middle of changing. */
  edited: () => string[];
}

export function useDrafts(): Drafts {
  const { owner } = useDesk();
  return useMemo(() => {
    const fresh = owned(owner, "draft:new");
    const prefix = owned(owner, "draft:edit:");
    return {
      fresh: () => kept<Typed>(fresh),
      keepFresh: (typed) => (typed.title || typed.description ? keep(fresh, typed) : discard(fresh)),
      edit: (taskId) => kept<EditDraft>(prefix + taskId),
      keepEdit: (taskId, draft) => keep(prefix + taskId, draft),
      dropEdit: (taskId) => discard(prefix + taskId),
      edited: () => keptKeys(prefix).map((key) => key.slice(prefix.length)),
    };
  }, [owner]);
}
