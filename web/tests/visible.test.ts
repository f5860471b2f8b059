import { describe, expect, it } from "vitest";
import { problemsOf } from "@/lib/tasks/fields";
import { initialOf } from "@/lib/visible";
import { words } from "./tasks";

describe("the letter that stands for a person", () => {
  it("is the name's, or the e-mail's when the name shows nothing", () => {
    expect(initialOf("ada", "x@example.org")).toBe("A");
    expect(initialOf(" élan", "x@example.org")).toBe("É");
    for (const blank of ["", "  ", "\u200b", "\u3164\u2800", "?"])
      expect(initialOf(blank, "bob@example.org")).toBe("B");
    expect(initialOf("\u200bcarol", "x@example.org")).toBe("C");
  });
});

describe("a title that shows nothing", () => {
  it("is no title", () => {
    for (const title of ["", "\u200b", "\u00ad\u2060", "\u3164"])
      expect(problemsOf(words({ title }))).toHaveProperty("title", "A task needs a title.");
    for (const title of ["a", "👍", "\u0301a", "।"]) expect(problemsOf(words({ title }))).toEqual({});
  });
});
