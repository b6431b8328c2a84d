"""What can happen to a file: to its bytes, its text, its cells, and to the members of an archive.

Belongs here: one function per kind of damage, driven by a `random.Random`. Does not belong here: which files are
damaged (`cases`), what must hold then (`fuzz`).
"""

from __future__ import annotations

import random
from collections.abc import Callable

import made_up

Cells = list[list[str]]

NASTY = (
    "", " ", "\0", "\x0b\x1f", "\ufeff", "\ud800", "\U0001f69a", "\u202e反向", "é" * 300, '"', '""', '""","', "'", "\\",
    "\\u0000", "{", "}", "[]", "{}", "null", "NaN", "Infinity", "-Infinity", "1e400", "-1e-400", "9" * 400,
    "1" + "0" * 30,
    "0x1F", "١٢٣", "１２．５", "12,5", "1.2.3", "-0", "2.5E+10", "2024-13-45", "0000-00-00", "9999-12-31 23:59:59",
    "10000-01-01", "-4712-01-01", "24:00", "2024-02-30T25:61:61Z", "60", "2958466", "1e18", "infinity", "epoch",
    "now()",
    "=1+1", "=cmd|'/C calc'!A0", '=HYPERLINK("http://x","y")', "@SUM(A1)", "+8613800001234", "合计", "小计：",
    "制表人：张三",
    "C30C40", "C999", "LC-1", "贵阳市云岩区", "999999", "是否", "true", "12:00\r\n13:00", "a\tb", "a|b;c,d",
    "<x>&amp;</x>",
    "'; DROP TABLE raw.orders; --", "../../etc/passwd", "%s%n{0}", "[" * 50, '{"a":' * 20, '[{"material": null}]',
    '[{"material":"水泥","target_kg":1e999}]', "[1,[2,[3]]]", "0.1+0.2", "¥1,234.50元", "3.5万元", "180±20",
    "180(±999999)",
    "1,5 m3", "5 km", "1e5mm", "2024年2月30日", "二〇二四年一月一日", "上午9点",
)  # fmt: skip


# --- bytes ---------------------------------------------------------------------------------------------------------


def truncate(data: bytes, chance: random.Random) -> bytes:
    """Cut off anywhere."""
    return data[: chance.randrange(len(data) + 1)]


def flip_bits(data: bytes, chance: random.Random) -> bytes:
    """One to sixteen bits turned over."""
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def insert_bytes(data: bytes, chance: random.Random) -> bytes:
    """Bytes in between: any, NULs, high ones, marks."""
    place = chance.randrange(len(data) + 1)
    what = chance.choice(
        (chance.randbytes(chance.randrange(1, 40)), b"\0" * chance.randrange(1, 300), b"\xff" * 9, b"\xef\xbb\xbf",
         b"\r", b"\n", b"\r\n\r\n", b'"', b"\x1a", b"\xff\xfe", b"\x80\x81", b"PK\x03\x04", b"PAR1", b"\x1f\x8b")
    )  # fmt: skip
    return data[:place] + what + data[place:]


def remove_bytes(data: bytes, chance: random.Random) -> bytes:
    """A piece lost."""
    start = chance.randrange(len(data))
    return data[:start] + data[start + chance.randrange(1, 200) :]


def repeat_bytes(data: bytes, chance: random.Random) -> bytes:
    """A piece twice, or many times."""
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randrange(1, 500)]
    return data[:start] + piece * chance.choice((2, 2, 3, 50)) + data[start + len(piece) :]


def move_bytes(data: bytes, chance: random.Random) -> bytes:
    """A piece elsewhere."""
    start = chance.randrange(len(data))
    end = min(len(data), start + chance.randrange(1, 500))
    rest, place = data[:start] + data[end:], chance.randrange(len(data) - (end - start) + 1)
    return rest[:place] + data[start:end] + rest[place:]


def overwrite(data: bytes, chance: random.Random) -> bytes:
    """A piece zeroed, filled, or a little-endian number made extreme."""
    start = chance.randrange(len(data))
    what = chance.choice((b"\0", b"\xff", b"\x7f", b" ")) * chance.choice((1, 4, 8, 512))
    return data[:start] + what[: len(data) - start] + data[start + len(what) :]


def change_start(data: bytes, chance: random.Random) -> bytes:
    """Another format's magic, a byte-order mark, or nothing where the file begins."""
    marks = (b"", b"PK\x03\x04", b"PAR1", b"\x1f\x8b\x08", b"\xd0\xcf\x11\xe0", b"\xff\xfe", b"\xfe\xff", b"{", b"[",
             b"%PDF", b"\xef\xbb\xbf\xef\xbb\xbf", b"\0\0\0\0", b'{"type":"FeatureCollection"')  # fmt: skip
    return chance.choice(marks) + data[chance.choice((0, 1, 4)) :]


BYTES: tuple[Callable[[bytes, random.Random], bytes], ...] = (
    truncate, flip_bits, flip_bits, insert_bytes, remove_bytes, repeat_bytes, move_bytes, overwrite, change_start,
)  # fmt: skip


def damage_bytes(data: bytes, chance: random.Random) -> bytes:
    """One to three of these."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if data:
            data = chance.choice(BYTES)(data, chance)
    return data


# --- text ----------------------------------------------------------------------------------------------------------


def damage_text(text: str, chance: random.Random) -> str:
    """Something that people and programs write where it does not belong."""
    place = chance.randrange(len(text) + 1)
    match chance.randrange(12):
        case 0:
            return text[:place] + chance.choice(NASTY) + text[place:]
        case 1:
            return text[:place] + "x" * chance.choice((300, 70_000, 200_000)) + text[place:]
        case 2:
            return text[:place] + chance.choice(",;\t|") * chance.choice((1, 30, 20_000)) + text[place:]
        case 3:
            deep = chance.choice((40, 2_000, 100_000))
            opening, closing = chance.choice((("[", "]"), ('{"a":', "}"), ("[", ""), ('{"a":', "")))
            return text[:place] + opening * deep + chance.choice(("", "1")) + closing * deep + text[place:]
        case 4:
            return text.replace("\n", chance.choice(("\r", "\r\n", "\n\n", "\n\r", "\u2028", "")))
        case 5:
            old = chance.choice((",", '"', "{", "}", ":", "0", "2024", "[", '","', "\n"))
            return text.replace(old, chance.choice(NASTY), chance.choice((1, 3, -1)))
        case 6:
            return text[:place] + chance.choice(('"', '"" "', '"""', "'", '\\"', '",\n"', "\\")) + text[place:]
        case 7:
            lines = text.split("\n")
            chance.shuffle(lines)
            return "\n".join(lines)
        case 8:
            return text + "\n".join(text.split("\n")[:1]) + "\n" + text
        case 9:
            return text[:place] + "\\ud800" + text[place:]
        case 10:
            return (
                text[:place]
                + chance.choice(("1e400", "-1e99999", "9" * 5_000, "0" * 400 + "1", "1E+18"))
                + text[place:]
            )
        case _:
            return text[place:] + text[:place]


ENCODINGS = (
    "utf-8",
    "utf-8-sig",
    "gb18030",
    "gbk",
    "big5",
    "utf-16",
    "utf-16-be",
    "utf-32",
    "shift_jis",
    "latin-1",
    "cp1252",
)


def encoded(text: str, chance: random.Random) -> bytes:
    """In UTF-8, or in something else."""
    return made_up.encoded(text, chance.choice(("utf-8", "utf-8", "utf-8", *ENCODINGS)))


# --- cells ---------------------------------------------------------------------------------------------------------


def damage_cells(cells: Cells, chance: random.Random) -> Cells:
    """Cells, columns and headers that are wrong, in a table that is still one: as many rows as before."""
    cells = [list(row) for row in cells]
    header, *body = cells
    width = len(header)
    for _ in range(chance.choice((1, 1, 2, 5))):
        column, other = chance.randrange(width), chance.randrange(width)
        match chance.randrange(10):
            case 0 | 1 | 2:
                for _ in range(chance.choice((1, 3, 20))):
                    chance.choice(body)[chance.randrange(width)] = chance.choice(NASTY)
            case 3:
                for row in cells if chance.random() < 0.5 else body:
                    row[column], row[other] = row[other], row[column]
            case 4:
                header[column] = header[other]
            case 5:
                header[column] = chance.choice(
                    (*NASTY, header[column] + "(t)", header[column] + "（百升）", "拒收编号")
                )
            case 6:
                value = chance.choice(NASTY)
                for row in body:
                    row[column] = value
            case 7:
                chance.choice(body)[column] = chance.choice(("x", "9", "砼")) * chance.choice((5_000, 30_000))
            case 8:
                chance.choice(body)[:] = chance.choice(
                    (header, ["合计", *[""] * (width - 1)], [chance.choice(NASTY)] * width)
                )
            case _:
                extra = chance.choice((1, 3, 200))
                names = [chance.choice((*NASTY, "备注", "x")) for _ in range(extra)]
                for row in cells:
                    row.extend(names if row is header else [chance.choice(NASTY)] * extra)
                width += extra
    return cells
