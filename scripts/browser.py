"""`make test-browser`: the web client's tests in a real Chromium, or a clear word that there is none."""

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
    """CHROMIUM where it is set, else the first one found."""
    found = (os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), *MACOS)
    return next((path for path in found if path and Path(path).exists()), None)


def main() -> int:
    browser = chromium()
    if browser is None:
        on_ci = os.environ.get("CI") == "true"
        print(
            f"{'✗' if on_ci else '–'} Browser tests skipped: there is no Chromium here (CHROMIUM names one elsewhere)."
        )
        return 1 if on_ci else 0
    return subprocess.run(
        ["npm", "run", "--silent", "e2e"], cwd=ROOT / "web", env=os.environ | {"CHROMIUM": browser}, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
