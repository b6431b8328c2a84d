"""What can happen to an archive: members with other content, names, sizes; bombs; a workbook's own XML.

Belongs here: ZIP files, and XLSX which is one. Does not belong here: other damage (`damage`).
"""

from __future__ import annotations

import io
import random
import zipfile
from contextlib import suppress

from damage import damage_bytes

MEMBER_NAMES = (
    "../../../../x.csv", "/etc/passwd", "C:\\Windows\\x.csv", "..\\..\\x.csv", "a/../../b.csv", "con.csv", "x\0y",
    "数据.csv", "x" * 300 + ".csv", "x\0y.csv",
    ".hidden.csv", "__MACOSX/._x.csv", "dir/", "x.exe", "x.zip", "", "x.csv/", "a\nb.csv",
    "[Content_Types].xml", "x.csv.gz", "~$x.xlsx", "\u202e.csv",
)  # fmt: skip


def damage_archive(data: bytes, chance: random.Random) -> bytes:
    """Members with other content, names, sizes, flags; more of them; or a bomb."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except (zipfile.BadZipFile, NotImplementedError):
        return damage_bytes(data, chance)
    choice = chance.randrange(14)
    at = chance.randrange(len(members))
    name, content = members[at]
    if choice < 4 and content:
        members[at] = (name, damage_bytes(content, chance))
    elif choice < 6 and content:
        members[at] = (name, damage_markup(content, chance))
    elif choice == 6:
        members[at] = (chance.choice(MEMBER_NAMES), content)
    elif choice == 7:
        members += [(chance.choice(MEMBER_NAMES), content) for _ in range(chance.choice((1, 5)))]
    elif choice == 8:
        del members[at]
    elif choice == 9:
        members.append((chance.choice(("inner.zip", "x.xlsx", "x.csv")), data))
    elif choice == 10 and chance.random() < 0.1:
        members += [(f"{number}.csv", b"a,b\n1,2\n") for number in range(1_500)]
    elif choice == 11 and chance.random() < 0.1:
        members[at] = (name, content[: len(content) // 2] + chance.choice((b"0", b" ", b"\n", b",")) * 30_000_000)
    packed = _packed(members, chance)
    if choice == 12:
        return _relabelled(packed, chance)
    return damage_bytes(packed, chance) if choice == 13 else packed


def _packed(members: list[tuple[str, bytes]], chance: random.Random) -> bytes:
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if chance.random() < 0.9 else chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(stream, "w", method, compresslevel=1) as archive:
        names = set[str]()
        for name, content in members:
            if name in names:
                continue
            names.add(name)
            info = zipfile.ZipInfo(name, (2024, 1, 1, 0, 0, 0))
            info.compress_type = method
            if chance.random() < 0.02:
                info.external_attr = 0o120777 << 16  # a symbolic link
            with suppress(UnicodeEncodeError, ValueError):
                archive.writestr(info, content)
    return stream.getvalue()


def _relabelled(data: bytes, chance: random.Random) -> bytes:
    """One field of a header in the archive made false: flags (encryption), method, sizes, offsets."""
    starts = [place for mark in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06") for place in _places(data, mark)]
    place = chance.choice(starts) + chance.choice((4, 6, 8, 10, 14, 18, 20, 22, 24, 26, 28, 42))
    what = chance.choice((b"\x01\x00", b"\xff\xff", b"\xff\xff\xff\xff", b"\0\0", b"\0\0\0\x7f", b"\x63\x00"))
    return data[:place] + what + data[place + len(what) :]


def _places(data: bytes, mark: bytes) -> list[int]:
    found, place = [], data.find(mark)
    while place >= 0:
        found.append(place)
        place = data.find(mark, place + 1)
    return found


def damage_markup(content: bytes, chance: random.Random) -> bytes:
    """A workbook's XML changed where its reader may trust it: references, counts, types, entities, formulas."""
    olds_news = (
        (b'r="A1"', (b'r="XFD1048576"', b'r="ZZZZZZ99999999999"', b'r="A0"', b'r=""', b'r="1A"', b'r="A-1"')),
        (b'r="B2"', (b'r="XFD2"', b'r="B1048576"', b'r="A1"', b'r="B99999999999999999999"')),
        (b'r="2"', (b'r="1048576"', b'r="0"', b'r="-1"', b'r="4294967296"')),
        (b"<dimension ref=", (b'<dimension ref="A1:XFD1048576"/><x y=', b'<dimension ref="B5:A1"/><x y=')),
        (b't="s"', (b't="n"', b't="e"', b't="b"', b't="d"', b't="str"', b't="inlineStr"', b't="?"', b"")),
        (b"<v>", (b"<v>-", b"<v>99999999999", b"<v>4294967296", b"<v>1e400", b"<f>1+1</f><v>", b"<v></v><v>")),
        (b"</v>", (b"1e999</v>", b".9.9</v>", b"", b"&#0;</v>", b"&xxe;</v>")),
        (b"<t>", (b"<t>&lol;", b"<t><![CDATA[", b'<t xml:space="preserve">', b"<t>=1+1", b"<t>&#xD800;")),
        (b"<row ", (b'<row r="9999999" ', b"<row><row ", b"<mergeCell ref='A1:XFD9'/><row ")),
        (b"<sheet ", (b'<sheet state="hidden" ', b'<sheet state="veryHidden" ', b'<sheet name="" sheetId="0" ')),
        (b"count=", (b'count="4294967295" x=', b'count="-1" x=', b'count="99999999" x=')),
        (b"?>", (b'?><!DOCTYPE x [<!ENTITY lol "lol"><!ENTITY xxe SYSTEM "file:///etc/passwd">]>',)),
        (b"UTF-8", (b"UTF-16", b"GB18030", b"x")),
        (b"numFmtId=", (b'numFmtId="14" x=', b'numFmtId="99999" x=', b'numFmtId="-1" x=')),
    )
    found = [pair for pair in olds_news if pair[0] in content]
    if not found:
        return damage_bytes(content, chance)
    for old, news in chance.sample(found, k=min(len(found), chance.choice((1, 1, 2)))):
        content = content.replace(old, chance.choice(news), chance.choice((1, 1, -1)))
    return content
