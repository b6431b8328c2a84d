"""The deployment's own words: `feeds.toml` of a home, with further header texts for a feed's fields.

Belongs here: reading and checking that file. Does not belong here: matching headers (`pipelines.layout`).

    [orders.aliases]
    order_id = ["单号", "派工单号"]
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from pipelines.feeds import FEEDS, Feed
from pipelines.layout import aliases, normalise
from pipelines.mapping import FieldMapping
from pipelines.mapping_files import read_toml
from store.home import Home
from store.messages import TongmaiError

FILE = "feeds.toml"
Aliases = tuple[tuple[str, str], ...]


def deployment_aliases(home: Home, feed: Feed) -> Aliases:
    """Normalised header text -> field, as the home's `feeds.toml` states it; empty when there is none.

    Raises TongmaiError(`bad_feeds_file`) with what is wrong in it.
    """
    path = home.root / FILE
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise _bad(f"读不了：{error.strerror}", f"cannot be read: {error.strerror}") from error
    return _parse(path, content).get(feed.name, ())


def with_aliases(mapping: FieldMapping, known: Aliases, headers: Sequence[Sequence[str]]) -> FieldMapping:
    """`mapping` with those aliases that one of the headers uses; they count in its digest only then."""
    texts = {normalise(text) for header in headers for text in header}
    used = tuple(alias for alias in known if alias[0] in texts)
    if not used:
        return replace(mapping, aliases=())
    digest = hashlib.sha256(repr((mapping.digest, used)).encode()).hexdigest()[:16]
    return replace(mapping, aliases=used, digest=digest)


@lru_cache(maxsize=8)
def _parse(path: Path, content: bytes) -> Mapping[str, Aliases]:
    try:
        document = read_toml(path, content)
    except TongmaiError as error:
        raise _bad(f"{error.text.zh}", f"{error.text.en}") from error
    return {name: _feed_aliases(name, section) for name, section in document.items()}


def _feed_aliases(name: str, section: Any) -> Aliases:
    if name not in FEEDS:
        known = ", ".join(FEEDS)
        raise _bad(f"没有数据源 {name}；可用：{known}", f"there is no feed {name}; feeds are {known}")
    if not isinstance(section, dict) or set(section) - {"aliases"}:
        raise _bad(f"[{name}] 下只能有 [{name}.aliases]", f"[{name}] may hold [{name}.aliases] only")
    feed, known_texts = FEEDS[name], aliases(FEEDS[name])
    fields = {field.name for field in feed.all_fields}
    taken: dict[str, str] = {}
    for field, texts in section.get("aliases", {}).items():
        if field not in fields:
            raise _bad(f"{name} 没有字段 {field}", f"{name} has no field {field}")
        if not isinstance(texts, list) or not all(isinstance(text, str) and normalise(text) for text in texts):
            raise _bad(
                f'{name}.{field} 应是表头文字的列表，例如 ["单号"]', f'{name}.{field} needs a list of headers: ["单号"]'
            )
        for text in texts:
            other = known_texts[normalise(text)].name if normalise(text) in known_texts else taken.get(normalise(text))
            if other not in (None, field):
                raise _bad(
                    f"{name} 的表头“{text}”已属于 {other}，不能再给 {field}；请在映射文件的 [columns] 中指明",
                    f"in {name} the header '{text}' means {other}, not {field}: use [columns] in a mapping file",
                )
            taken[normalise(text)] = field
    return tuple(sorted(taken.items()))


def _bad(zh: str, en: str) -> TongmaiError:
    return TongmaiError("bad_feeds_file", f"配置文件 {FILE} 有误：{zh}。", f"The file {FILE} is wrong: {en}.", 2)
