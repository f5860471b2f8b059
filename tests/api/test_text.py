"""Text from people: visible titles, Unicode normalisation and search."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taskward.api.text import composed, visible
from tests.conftest import Person

INVISIBLE = [
    *("\u200b", "\u00ad", "\u3164", "\u2060", "\ufeff", "\u034f", "\u115f", "\u1160", "\u180e", "\u2800", "\uffa0"),
    *("\u200d\u200d", "\u202e", "\u2066\u2069", "\ufe0f", "\U000e0001", "\U000e0100", "\u17b4", "\u061c", "\u0085"),
    *("\u200b \u00ad\t\u3164", "\u00a0\u2003\u3000\u200b", "\x01", "\x7f", "\u2028", "\U0001d173", "\u180b"),
]
VISIBLE = [
    "a",
    "é",
    "e\u0301",
    "👍🏽",
    "👩\u200d💻",
    "\u200bx",
    "文",
    "ا",
    "\ue000",
    "\U0003fffd",
    "─",
    "́a",
    "🏳️\u200d🌈",
    "!",
]


@pytest.mark.parametrize("title", INVISIBLE, ids=ascii)
async def test_a_title_of_nothing_to_see_is_refused_and_nothing_is_stored(alice: Person, title: str) -> None:
    task = (await alice.post("/api/me/tasks", json={"title": "seen"})).json()
    for method, path in (
        ("POST", "/api/me/tasks"),
        ("PUT", f"/api/me/tasks/{task['id']}"),
        ("PATCH", f"/api/me/tasks/{task['id']}"),
    ):
        answer = await alice.request(method, path, json={"title": title})
        assert answer.status_code == 422, (method, answer.text)
        assert [error["field"] for error in answer.json()["errors"]] == ["title"]
    assert (await alice.get("/api/me/tasks")).json()["items"] == [task]


@pytest.mark.parametrize("title", VISIBLE, ids=ascii)
async def test_a_title_with_something_to_see_is_stored(alice: Person, title: str) -> None:
    answer = await alice.post("/api/me/tasks", json={"title": title})
    assert answer.status_code == 201
    assert answer.json()["title"] == unicodedata.normalize("NFC", title)


FORMS = ["NFC", "NFD", "NFKC", "NFKD"]


@pytest.mark.parametrize("word", ["Café crème", "Ångström", "Việt Nam", "한국어", "がぎぐ", "ёлка"])
async def test_search_finds_text_however_it_was_composed(alice: Person, word: str) -> None:
    for form in ("NFC", "NFD"):
        title = unicodedata.normalize(form, f"a {word}")
        made = await alice.post(
            "/api/me/tasks", json={"title": title, "description": unicodedata.normalize(form, word)}
        )
        assert made.status_code == 201
    for form in ("NFC", "NFD"):
        found = await alice.get("/api/me/tasks", params={"q": unicodedata.normalize(form, word)})
        assert len(found.json()["items"]) == 2


async def test_two_forms_of_one_text_are_one_body_under_one_idempotency_key(alice: Person) -> None:
    key = {"idempotency-key": "composed"}
    first = await alice.post("/api/me/tasks", json={"title": "Caf\u00e9"}, headers=key)
    second = await alice.post("/api/me/tasks", json={"title": "Cafe\u0301"}, headers=key)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json() == first.json()


async def test_text_that_grows_when_it_is_composed_is_measured_afterwards(alice: Person) -> None:
    """U+0958 becomes two characters in NFC; 101 of them are past the limit of 200, and no crash of the database."""
    assert (await alice.post("/api/me/tasks", json={"title": "\u0958" * 100})).status_code == 201
    assert (await alice.post("/api/me/tasks", json={"title": "\u0958" * 101})).status_code == 422
    assert (await alice.post("/api/me/tasks", json={"title": "x", "description": "\u0958" * 2501})).status_code == 422
    assert (await alice.get("/api/me/tasks", params={"q": "\u0958" * 101})).status_code == 422


@given(st.text())
def test_composing_settles_and_visibility_does_not_depend_on_it(text: str) -> None:
    assert composed(composed(text)) == composed(text)

    def seen(value: str) -> bool:
        try:
            return bool(visible(value))
        except ValueError:
            return False

    assert seen(text) == seen(composed(text))


@pytest.mark.parametrize("value", [None, 1, ["e\u0301"], {"a": 1}])
def test_values_that_are_no_text_are_passed_on(value: Any) -> None:
    assert composed(value) == value
