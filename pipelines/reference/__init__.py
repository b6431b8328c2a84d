"""The feeds' reference, generated from their contracts: a page for people, schemas for programs.

Belongs here: `documents`, every generated file and its text. `python -m pipelines.reference` writes them. Does not
belong here: any fact about a feed (the contracts).
"""

from __future__ import annotations

import json
from pathlib import Path

import yaml  # type: ignore[import-untyped]

from pipelines.feeds import FEEDS
from pipelines.reference.json_schema import json_schema
from pipelines.reference.open_contract import open_contract
from pipelines.reference.page import page
from store.home import REPOSITORY

FOLDER = REPOSITORY / "docs"


def documents() -> dict[Path, str]:
    """Path -> text of every generated file."""
    texts = {FOLDER / "feeds.md": page()}
    for feed in FEEDS.values():
        schema = json.dumps(json_schema(feed), ensure_ascii=False, indent=2)
        contract = yaml.safe_dump(open_contract(feed), allow_unicode=True, sort_keys=False, width=110)
        texts[FOLDER / "contracts" / f"{feed.name}.schema.json"] = f"{schema}\n"
        texts[FOLDER / "contracts" / f"{feed.name}.odcs.yaml"] = contract
    return texts
