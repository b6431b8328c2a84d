"""Names that follow from content: of segments, batches and rejects.

Belongs here: hashing what a thing is into what it is called. Does not belong here: paths (`pipelines.landing`).
"""

from __future__ import annotations

import hashlib

_CONTENT_DIGITS = 16
_READING_DIGITS = 8


def digest(*texts: str) -> str:
    """A name of 16 hexadecimal digits for what `texts` say."""
    return hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:16]


def segment_id(feed: str, sha256: str, mapping_hash: str, contract_version: int) -> str:
    """24 digits: the first 16 say which content of which feed, the others how it was read."""
    return digest(feed, sha256) + digest(mapping_hash, str(contract_version))[:_READING_DIGITS]


def content_id(segment_id: str) -> str:
    """The part of a segment's name that says which content it reads."""
    return segment_id[:_CONTENT_DIGITS]
