"""Text files as UTF-8 blocks: decompression and encodings.

Belongs here: bytes to UTF-8. Does not belong here: lines' structure. The encoding is decided once per
file, by the first block that is not plain ASCII: byte-order mark, strict UTF-8, Big5, GB18030, and only then a
guess. A byte that does not decode spoils its own line, never the file.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, cast

import charset_normalizer

from pipelines.faults import FileError
from pipelines.sources.contents import Content
from pipelines.sources.limits import LINE_BYTES

BLOCK_BYTES = 8 << 20
_SAMPLE_BYTES = 64 << 10
_PEEKED_BYTES = 512
_UTF16_ZEROS = 3
_BIG5 = "big5hkscs"  # Taiwan's and Hong Kong's
_BIG5_PAIRS = 3
_DOUBLE = re.compile(rb"[\x81-\xfe][\x40-\xfe]")
_SIGN = re.compile(rb"[\xa1-\xa3]|[\xa8\xa9][\x40-\x7e]")  # of either: – and ㎡ end in an ASCII letter in GB18030
_TOLERATED = 20  # one damaged character in so many
BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_PAIRS, _LONG = re.compile(rb"[\xc4-\xdf][\x80-\xbf]"), re.compile(rb"[\xe0-\xff]")  # as UTF-8: Greek to Arabic; above
REPLACEMENT = "\ufffd".encode()


@dataclass(frozen=True)
class TextBlock:
    """Whole lines in UTF-8; `is_damaged` when some bytes did not decode (U+FFFD stands in their place).

    `encoding` is what they came in, as far as it is known: plain ASCII up to here may go on in another one.
    """

    data: bytes
    is_damaged: bool
    encoding: str = "ascii"


def text_blocks(content: Content, block_bytes: int = BLOCK_BYTES) -> Iterator[TextBlock]:
    """The file's lines in blocks of about `block_bytes`, each ending at a line's end.

    Raises FileError: `truncated_file` (gzip cut off), `wrong_encoding`, `unknown_file_type` (binary).
    """
    with content.open() as stream:
        start = cast(io.BufferedReader, stream).peek(_PEEKED_BYTES)[:_PEEKED_BYTES]
        stated, mark = stated_encoding(start)
        stream.read(len(mark))
        if stated is None or not stated.startswith("utf-16"):
            yield from _decoded(_whole_lines(stream, block_bytes), stated)
            return
        for block in _decoded(_whole_lines(_Recoded(stream, stated), block_bytes), "utf-8"):
            yield replace(block, encoding=stated)


def stated_encoding(start: bytes) -> tuple[str | None, bytes]:
    """The encoding that a file's first bytes state, and its byte-order mark.

    UTF-16 without a mark is told by its zeros, which all stand on the same side of its commas and digits.
    """
    for mark, name in BOMS:
        if start.startswith(mark):
            return name, mark
    sides = [start[side::2].count(0) for side in (0, 1)]
    for zeros, others, name in ((sides[1], sides[0], "utf-16-le"), (sides[0], sides[1], "utf-16-be")):
        if not others and zeros >= _UTF16_ZEROS and _decodes(start[: len(start) & ~1][:-2], name):
            return name, b""
    return None, b""


class _Recoded:
    """A stream of UTF-16 as UTF-8."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder(encoding)(errors="replace").decode

    def read(self, size: int) -> bytes:
        """Some bytes; none at the end."""
        while data := self._stream.read(max(2, size)):
            if text := self._decode(data, False):
                return text.encode()
        return self._decode(b"", True).encode()


def _whole_lines(stream: IO[bytes] | _Recoded, block_bytes: int) -> Iterator[bytes]:
    """Blocks of raw bytes cut at line ends."""
    carry = b""
    while chunk := stream.read(block_bytes):
        block = carry + chunk
        cut = block.rfind(b"\n") + 1
        if not cut and b"\r" in block and not block.endswith(b"\r"):
            block = block.replace(b"\r", b"\n")  # lines of an old Macintosh
            cut = block.rfind(b"\n") + 1
        carry = block[cut:]
        if len(carry) > LINE_BYTES:
            raise FileError("field_too_large")
        if cut:
            yield block[:cut]
    if carry:
        yield carry if b"\n" in carry else carry.replace(b"\r", b"\n")


def _decoded(blocks: Iterator[bytes], stated: str | None) -> Iterator[TextBlock]:
    encoding: str | None = None
    for block in blocks:
        if b"\0" in block:
            if encoding is None and 100 * block[:_SAMPLE_BYTES].count(0) > len(block[:_SAMPLE_BYTES]):
                raise FileError("unknown_file_type", "binary")
            encoding = encoding or stated or detect(block)
            text = block.decode(encoding, errors="replace").replace("\0", "\ufffd")
            yield TextBlock(text.encode(), is_damaged=True, encoding=encoding)
            continue
        encoding = encoding or stated
        if block.isascii():
            yield TextBlock(block, is_damaged=False, encoding=encoding or "ascii")
            continue
        encoding = encoding or detect(block)
        try:
            text = block.decode(encoding)
        except UnicodeDecodeError:
            yield TextBlock(block.decode(encoding, errors="replace").encode(), is_damaged=True, encoding=encoding)
            continue
        yield TextBlock(block if encoding == "utf-8" else text.encode(), is_damaged=False, encoding=encoding)


def detect(block: bytes) -> str:
    """The encoding of a block with non-ASCII bytes; the same bytes always give the same answer.

    UTF-8 is tried first because Chinese text in GB18030 is hardly ever valid UTF-8, while the reverse is
    common. When the block as a whole is not valid, lines vote, so that a few damaged ones change nothing.
    """
    if _is_utf_8(block):
        return "utf-8"
    lines = [line for line in block[:_SAMPLE_BYTES].split(b"\n") if not line.isascii()] or [block]
    candidates: list[tuple[str, Callable[[bytes], bool]]] = [("utf-8", _is_utf_8), ("gb18030", _is_gb18030)]
    if _looks_like_big5(lines):
        candidates.insert(1, (_BIG5, lambda line: _decodes(line, _BIG5)))
    for encoding, votes in candidates:
        if 2 * sum(map(votes, lines)) >= len(lines):
            return encoding
    guess = charset_normalizer.from_bytes(b"\n".join(lines)).best()
    if guess is not None:
        return guess.encoding
    sample = block[:_SAMPLE_BYTES]  # a document of one line, some bytes of which are damaged
    for encoding in ("utf-8", "gb18030"):
        text = sample.decode(encoding, errors="replace")
        if _TOLERATED * text.count("\ufffd") <= len(text):
            return encoding
    raise FileError("wrong_encoding")


def _is_utf_8(text: bytes) -> bool:
    """Whether it is valid UTF-8 and not just a few GB18030 pairs that happen to be: 细石 is valid, as ϸʯ."""
    # _LONG first: Chinese text has it soon, and whoever looks for pairs there looks at all of it.
    return _decodes(text, "utf-8") and bool(_LONG.search(text) or not _PAIRS.search(text) or not _is_gb18030(text))


def _is_gb18030(text: bytes) -> bool:
    return _decodes(text, "gb18030")


def _looks_like_big5(lines: Sequence[bytes]) -> bool:
    """Whether the pairs of bytes are such as Big5 has them; nearly all of them are valid in GB18030 too.

    A third of Big5's characters end in an ASCII letter or sign, and nearly all begin within its 5,401 frequent ones;
    in simplified Chinese hardly any do the former, and traditional Chinese in GB18030 begins elsewhere.
    """
    pairs: list[bytes] = [pair for line in lines for pair in _DOUBLE.findall(line) if not _SIGN.match(pair)]
    ascii_ends = sum(pair[1] < 0x7F for pair in pairs)
    frequent = sum(0xA4 <= pair[0] <= 0xC6 for pair in pairs)
    return ascii_ends >= _BIG5_PAIRS and 6 * ascii_ends >= len(pairs) and 5 * frequent >= 4 * len(pairs)


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
