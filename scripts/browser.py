"""`make test-browser`: runs the web client's tests in Chromium, or says that there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
MACOS = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)


def chromium() -> str | None:
    """The path of CHROMIUM if it is set, else of the first one found, or None."""
    found = (os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), *MACOS)
    return next((path for path in found if path and Path(path).exists()), None)


def main() -> int:
    browser = chromium()
    if browser is None:
        on_ci = os.environ.get("CI") == "true"
        print(f"{'✗' if on_ci else '–'} Browser tests skipped: no Chromium was found. Set CHROMIUM to its path.")
        return 1 if on_ci else 0
    return subprocess.run(
        ["npm", "run", "--silent", "e2e"], cwd=ROOT / "web", env=os.environ | {"CHROMIUM": browser}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
