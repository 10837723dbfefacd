"""Character sets: what passes, what does not, and that whatever does not is told with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.rules.charsets import CHARSETS, GETA, Finding, Gaiji, convert, read, write_text

# (what it is, source, bytes, target, bytes, findings as (line, column, seen, what, put))
TABLE = [
    ("plain", "CP932", "刈谷市\r\n".encode("cp932"), "UTF-8", "刈谷市\r\n".encode(), ()),
    ("NEC special", "CP932", b"\x87\x40\n", "UTF-8", "①\n".encode(), ()),
    ("IBM extension", "CP932", "髙﨑\n".encode("cp932"), "UTF-8", "髙﨑\n".encode(), ()),
    ("JIS X 0213", "SHIFT_JIS_2004", b"\x98\x92\n", "EUC_JIS_2004", b"\xcf\xf2\n", ()),
    ("plane 2", "SHIFT_JIS_2004", b"\xf0\x40\n", "UTF-8", "\U00020089\n".encode(), ()),
    ("wave dash", "UTF-8", "～\n".encode(), "SHIFT_JIS", b"\x81\x60\n", ((1, 1, "U+FF5E", "VARIANT", "\u301c"),)),
    ("gaiji in", "CP932", b"a\xf0\x40\n", "UTF-8", f"a{GETA}\n".encode(), ((1, 2, "U+E000", "GAIJI", GETA),)),
    ("gaiji out", "UTF-8", "\uf8ff\n".encode(), "CP932", b"\x81\xac\n", ((1, 1, "U+F8FF", "GAIJI", GETA),)),
    ("not in CP932", "UTF-8", "𠮷\n".encode(), "CP932", b"\x81\xac\n", ((1, 1, "U+20BB7", "UNENCODABLE", GETA),)),
    ("damaged", "UTF-8", b"ok\na\xffb\n", "UTF-8", f"ok\na{GETA}b\n".encode(), ((2, 2, "ff", "UNDECODABLE", GETA),)),
    ("mark", "UTF-8", b"\xef\xbb\xbfa\n", "CP932", b"a\n", ()),
    ("UTF-16", "UTF-16", "刈\r\n谷\r\n".encode("utf-16"), "CP932", "刈\r\n谷\r\n".encode("cp932"), ()),
]  # fmt: skip


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row[0])
def test_each_case_converts_as_the_table_says(row: tuple[str, str, bytes, str, bytes, tuple[object, ...]]) -> None:
    """Substituting: the bytes are these, and every character that did not pass is told."""
    _, source, data, target, wanted, findings = row

    done = convert(data, source, target, Gaiji.SUBSTITUTE)

    assert done.data == wanted
    assert done.findings == findings
    assert not done.refused


@pytest.mark.parametrize("row", [row for row in TABLE if row[5]], ids=lambda row: row[0])
def test_rejecting_gives_no_file_and_tells_the_same_places(
    row: tuple[str, str, bytes, str, bytes, tuple[Finding, ...]],
) -> None:
    """Rejecting: nothing comes out, the findings name the same places with nothing put there."""
    _, source, data, target, _, findings = row

    done = convert(data, source, target, Gaiji.REJECT)

    assert done.refused
    assert done.data == b""
    assert [one[:4] for one in done.findings] == [one[:4] for one in findings]
    assert all(one.put == "" for one in done.findings)


def test_a_damaged_line_spoils_no_other() -> None:
    """Lines are read one by one: the ones around a damaged one are as they were."""
    lines = list(read("一\r\n".encode("cp932") + b"\x81\r\n" + "三\r\n".encode("cp932"), "CP932", Gaiji.REJECT))

    assert [one.text for one in lines if not one.findings] == ["一", "三"]
    assert [one.findings[0].line for one in lines if one.findings] == [2]


@pytest.mark.parametrize("charset", CHARSETS)
@given(text=st.text(st.sampled_from("刈谷市abc、。１２①"), max_size=30))
def test_what_a_set_holds_comes_back(charset: str, text: str) -> None:
    """Written and read again, a text is what it was, unless a finding says otherwise."""
    written = write_text(text + "\n", charset, Gaiji.SUBSTITUTE)

    back = list(read(written.data, charset, Gaiji.SUBSTITUTE))

    if not written.findings:
        assert [one.text for one in back] == ([text] if text else back and [""])
        assert not any(one.findings for one in back)


@given(data=st.binary(max_size=60), charset=st.sampled_from(sorted(CHARSETS)))
def test_no_bytes_break_the_reader(data: bytes, charset: str) -> None:
    """Whatever comes in is text or findings, never an exception; a text without findings holds no 外字."""
    lines = list(read(data, charset, Gaiji.REJECT))

    assert all(one.findings or "\ue000" not in one.text for one in lines)
