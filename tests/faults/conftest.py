"""What the proofs under fault share: where their figures go."""

from typing import Any

import pytest


@pytest.fixture
def reliability() -> Any:
    def note(name: str, **figures: Any) -> None:
        print("RELIABILITY", name, figures)

    return note
