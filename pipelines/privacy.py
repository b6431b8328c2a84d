"""People's data: what is hashed, what is masked, what is never kept.

Belongs here: the home's key, hashing of driver ids, redaction of texts. Does not belong here: which
columns are private (the contracts say so).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.units import is_unit
from store.home import Home

MASK = "***"
_PERSONAL_HEADER = re.compile(
    r"姓名|车牌|车号|车辆号|车船号|电话|手机|联系人|联系方式|身份证|邮箱|微信|司机|驾驶员|负责人|制表|制单|法定代表|班长|签字|签名|人(?![数工民防机行均])|员(?!工)|"
    r"phone|mobile|plate.?n|licen[cs]e.?plate|truck.?n|vehicle.?n|\btel\b|contact|person|applicant|driver|operator|signer|signed.?by|owner|e-?mail|"
    r"(?:first|last|middle|given|family|full|sur).?name|permittee|licensee|superintendent|foreman|inspector|dispatcher",
    re.IGNORECASE,
)
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PRIVATE_NUMBER = (
    r"(?<!\d)1[3-9]\d[ .-]?\d{4}[ .-]?\d{4}(?!\d)"  # mobile numbers
    r"|(?<!\d)0\d{2,3}-\d{7,8}(?!\d)"  # landlines
    r"|(?<!\d)\d{6}(?:19\d\d|200\d|201[0-2])[01]\d[0-3]\d{4}[\dXx](?!\d)"  # identity cards of the grown up
    rf"|[{_PROVINCES}][A-Z][·• ]?(?=[A-Z]{{0,3}}\d)[A-Z0-9]{{4,5}}[A-Z0-9挂学警港澳]"  # plates
    r"|[\w.+-]{1,64}@[\w-]+\.[\w.]+"  # mail addresses; bounded, or a long word takes its length squared
)
_PRIVATE_NUMBERS = re.compile(_PRIVATE_NUMBER)
# Where text is kept beside the rows (rejects), doubt is masked as well.
_ANY_PLATE = rf"[{_PROVINCES}]\s?[A-Za-z]\s?[·•・.\-_]?\s?(?=[A-Za-z]{{0,5}}\d)[A-Za-z0-9]{{4,6}}[A-Za-z0-9挂学警港澳]"
_FIELD_TEXT = re.compile(rf"{_PRIVATE_NUMBER}|{_ANY_PLATE}")
_FREE_TEXT = re.compile(
    rf"{_PRIVATE_NUMBER}|{_ANY_PLATE}|(?<!\d)\d{{17}}[\dXx](?!\d)"
    r"|(?<!\d)\(?0(?:10|2\d|[3-9]\d\d)\)?[ -]?[2-8]\d{6,7}(?!\d)"  # landlines without a dash
    r"|(?<=[:：])\s*[\u4e00-\u9fff]{2,4}(?=\s|$|[,，;；])"  # a name after a label
    r"|(?:(?<=电话)|(?<=手机)|(?<=座机)|(?<=[Tt]el))\s*[:：.]?\s*\d[\d -]{5,}\d"  # any number called a phone's
    rf"|[{_PROVINCES}][A-Z][·•]?[A-Z]?\d{{3,4}}(?![\dA-Za-z])"  # plates that lack a digit
)
_SURNAME = (
    "(?:欧阳|上官|司马|诸葛|司徒|令狐|皇甫|尉迟|公孙|慕容|"
    "[王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗郑梁谢宋唐许韩邓冯曹彭曾肖萧田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚"
    "沈钟姜崔谭陆范汪廖石金韦贾夏付傅方邹熊白孟秦邱侯江尹薛闫阎雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易"
    "乔赖文洪倪冉葛殷詹申耿关兰焦俞左柳甘祝包宁尚符舒阮纪梅童凌毕单裴霍成苗谷盛曲翁冷骆路柯管喻])"
)
_PLACES = "区县市省路镇村站厂号楼栋层段桥泵"
_WHOLE_NAME = re.compile(rf"{_SURNAME}[\u4e00-\u9fff·]{{0,2}}[\u4e00-\u9fff](?<![{_PLACES}])")
_NAME_IN_TEXT = re.compile(
    r"(?<=联系)"
    rf"{_SURNAME}[\u4e00-\u9fff]{{1,2}}"
    rf"|(?:(?<=联系人)|(?<=司机)|(?<=驾驶员)|(?<=负责人)|(?<=经办)|(?<=签收)|(?<=收货人)|(?<=电话)|(?<=找))"
    rf"\s*{_SURNAME}[\u4e00-\u9fff]{{1,2}}"
    rf"|{_SURNAME}[\u4e00-\u9fff]{{0,2}}(?=师傅|经理|工长|队长|班长|主任|老板|先生|女士|工程师|总工)"
    rf"|{_SURNAME}[\u4e00-\u9fff]{{1,2}}(?=\s*[,，:：(（]?\s*\*\*\*)"  # beside a number that has been masked
)
_PIECES = re.compile(r"""([\s、，,/;；|()（）"'“”{}\[\]:：]+)""")
# For Arrow: whatever the patterns above may match holds this, and hardly anything else does.
_SUSPECT = rf"1[3-9][0-9][ -]?[0-9]{{4}}|0[0-9]{{2,3}}-[0-9]{{7}}|[0-9]{{17}}|[{_PROVINCES}][A-Z]|@"
_NAME = re.compile(r"[\u4e00-\u9fff·]{2,5}")
_JSON_ENTRY = re.compile(r'("([^"]{1,64})"\s*:\s*)("[^"]*"?|[^,}\]]*)')
_JSON_NAME = re.compile(r'(?<=[:\[,])\s*"[\u4e00-\u9fff·]{2,5}"?')


def is_personal_header(text: str) -> bool:
    """Whether a column of that header holds names or phone numbers, which are never kept."""
    return bool(_PERSONAL_HEADER.search(text))


def redact(text: str) -> str:
    """Free text with phone and identity numbers, plates and whatever looks like a person's name masked."""
    folded = unicodedata.normalize("NFKC", text)
    masked = _NAME_IN_TEXT.sub(MASK, _FREE_TEXT.sub(MASK, folded))
    pieces = [MASK if _is_name(piece) else piece for piece in _PIECES.split(masked)]
    masked = "".join(pieces)
    return text if masked == folded else masked


def _is_name(piece: str) -> bool:
    """Whether a piece of text may be somebody's name: 万方 is a unit."""
    return _WHOLE_NAME.fullmatch(piece) is not None and not is_unit(piece)


def redact_field(text: str) -> str:
    """The text of a field that is no free text (a number, a code, a time): only what is surely private is masked."""
    folded = unicodedata.normalize("NFKC", text)
    masked = _FIELD_TEXT.sub(MASK, folded)
    return text if masked == folded else masked


def mask_numbers(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """A whole column of free texts with phone and identity numbers, plates and mail addresses masked."""
    is_suspect = pc.fill_null(pc.match_substring_regex(texts, _SUSPECT), fill_value=False)
    if not pc.any(is_suspect).as_py():
        return texts
    masked = [_PRIVATE_NUMBERS.sub(MASK, text) for text in texts.filter(is_suspect).to_pylist()]
    values = pa.array(masked, pa.string())
    return pa.chunked_array([pc.replace_with_mask(texts.combine_chunks(), is_suspect.combine_chunks(), values)])


def redact_cells(cells: Iterable[str], *, has_people: bool) -> str:
    """A malformed line's cells as text. Its cells may have shifted, so when the layout has personal
    columns every short run of Chinese characters (any of which may be a name) is masked as well.
    """
    masked = (MASK if has_people and _NAME.fullmatch(cell.strip()) else redact(cell) for cell in cells)
    return ",".join(masked)


def redact_json(text: str, is_private: Callable[[str], bool]) -> str:
    """A broken JSON line with the values of private keys, and every text that may be a name, masked."""
    text = _JSON_ENTRY.sub(lambda entry: f"{entry[1]}{MASK}" if is_private(entry[2]) else entry[0], text)
    return _JSON_NAME.sub(f'"{MASK}"', redact(text))


def mask_nested(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """A whole column with the values of personal keys inside JSON objects and lists masked, at any depth."""
    is_nested = pc.fill_null(pc.match_substring_regex(texts, r'(?s)^\s*[\[{].*"'), fill_value=False)
    if not pc.any(is_nested).as_py():
        return texts
    values = pa.array([mask_json(text) for text in texts.filter(is_nested).to_pylist()], pa.string())
    return pa.chunked_array([pc.replace_with_mask(texts.combine_chunks(), is_nested.combine_chunks(), values)])


def mask_json(text: str) -> str:
    """A text, with the values of personal keys masked when it is JSON; as a broken line's when it looks like it."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return redact_json(text, is_personal_header)
    masked = _masked(document)
    return text if masked == document else json.dumps(masked, ensure_ascii=False, separators=(",", ":"))


def _masked(value: Any) -> Any:
    if isinstance(value, list):
        return [_masked(item) for item in value]
    if isinstance(value, dict):
        return {key: MASK if is_personal_header(key) and item else _masked(item) for key, item in value.items()}
    return value


def load_key(home: Home) -> bytes:
    """The home's key, created (mode 0600) when absent."""
    try:
        return home.key.read_bytes()
    except FileNotFoundError:
        home.root.mkdir(parents=True, exist_ok=True)
    draft = home.key.with_name(f".{home.key.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_hex(32).encode())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, home.key)  # unlike a rename, never replaces a key that another process has just made
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return home.key.read_bytes()


def hash_people(ids: pa.ChunkedArray, key: bytes) -> pa.ChunkedArray:
    """Person ids (strings) as HMAC-SHA256 hex of 16 digits; what looks like a name becomes null."""
    encoded = pc.dictionary_encode(ids.combine_chunks() if isinstance(ids, pa.ChunkedArray) else ids)
    hashed = [_hash(value, key) for value in encoded.dictionary.to_pylist()]
    return pc.take(pa.array(hashed, pa.string()), encoded.indices)


def _hash(value: str | None, key: bytes) -> str | None:
    text = (value or "").strip()
    if not text or _NAME.fullmatch(text):
        return None
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()[:16]
