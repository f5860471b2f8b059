"""A finding of `taskward check`, as a line of text or as JSON."""

import json
from dataclasses import asdict, dataclass

SIGNS = {True: "✓", False: "✗", None: "·"}


@dataclass(frozen=True, slots=True)
class Finding:
    """``ok`` is None for a check that could not be made, and for information that is no fault."""

    check: str
    ok: bool | None
    seen: str
    advice: str = ""

    def line(self) -> str:
        return f"{SIGNS[self.ok]} {self.check}: {self.seen}{'. ' if self.advice else ''}{self.advice}"


def as_json(findings: list[Finding]) -> str:
    """``{"ok": bool, "findings": [{"check", "ok": bool or null, "seen", "advice"}]}``"""
    well = all(finding.ok is not False for finding in findings)
    return json.dumps({"ok": well, "findings": [asdict(finding) for finding in findings]}, ensure_ascii=False, indent=2)
