"""Every query that docs/questions.md offers to an analyst runs, and answers."""

from __future__ import annotations

import re

import duckdb
import pytest

from store.home import REPOSITORY

PAGE = (REPOSITORY / "docs" / "questions.md").read_text(encoding="utf-8")
QUESTIONS = dict(re.findall(r"^## (\d+ [^\n]+)\n.*?```sql\n(.*?)```", PAGE, flags=re.MULTILINE | re.DOTALL))
UNANSWERED = ("11 ", "17 ")  # the small city has no open order, and other tickets


def test_every_question_is_asked_in_both_languages_and_has_its_query() -> None:
    titles = re.findall(r"^## (\d+ [^\n]+)$", PAGE, flags=re.MULTILINE)
    assert titles == list(QUESTIONS)
    assert [int(title.split()[0]) for title in titles] == list(range(1, len(titles) + 1))
    for title in titles:
        chinese, english = title.split(" | ")
        assert re.search(r"[\u4e00-\u9fff]", chinese)
        assert english.endswith("?")


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_answered(marts: duckdb.DuckDBPyConnection, question: str) -> None:
    rows = marts.execute(QUESTIONS[question]).fetchall()
    assert rows or question.startswith(UNANSWERED)
