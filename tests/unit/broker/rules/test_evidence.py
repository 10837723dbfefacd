"""Proof documents: whole ones hold, each bent one breaks its own rule, and no bit of one can be changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from evidence_factory import (
    BAD,
    GOOD,
    INQUIRER,
    KEYS,
    PROVIDER,
    ROOT,
    capsule_document,
    grown_document,
    pair_of,
    pairs,
    sealed,
)

from broker.rules import canonical, capsule, evidence, merkle
from broker.rules.evidence import Refused, Rule
from schemas.records import Party
from services.audit import verifier

VECTORS = Path(__file__).parents[3] / "vectors"
STALE = "run: python tests/vectors/generate.py"
CAPSULE_RULES = {rule for rule, _ in BAD.values()}


def verified(data: bytes, root: bytes | None = ROOT) -> Any:
    """What a document proves, whatever it is."""
    document = evidence.opened(data, root)
    verify = {capsule.FORMAT: capsule.verify, evidence.PAIR: evidence.pair, evidence.GROWN: evidence.grown}
    return verify[document["format"]](document)


@pytest.mark.parametrize("name", GOOD)
def test_good_documents_hold(name: str) -> None:
    """The committed documents are what the script writes, and they verify."""
    data = (VECTORS / "good" / f"{name}.json").read_bytes()

    assert data == GOOD[name](), STALE
    assert verified(data)


@pytest.mark.parametrize("name", BAD)
def test_bad_documents_break_their_own_rule(name: str) -> None:
    """Each committed bad document is refused for its own reason."""
    rule, make = BAD[name]
    data = (VECTORS / "bad" / f"{rule}.{name}.json").read_bytes()

    assert data == make(), STALE
    with pytest.raises(Refused) as refused:
        verified(data)
    assert refused.value.rule is rule


def test_every_rule_has_a_bad_document() -> None:
    """A rule nobody has seen break proves nothing; what an auditor holds is not in the document."""
    assert {rule for rule, _ in BAD.values()} == set(Rule) - {Rule.CHECKPOINT_NOT_HELD}
    assert len(list(VECTORS.glob("bad/*.json"))) == len(BAD), STALE


@pytest.mark.parametrize("name", [name for name in GOOD if name.startswith("capsule")])
def test_the_program_that_shares_no_code_agrees_on_good_capsules(name: str) -> None:
    """It tells what the capsule tells."""
    data = GOOD[name]()

    assert verifier.verify(data, ROOT.hex())["summary"] == evidence.opened(data)["summary"]


FOR_CAPSULES = [name for name in BAD if not name.startswith(("pair", "grown", "field", "layout"))]


@pytest.mark.parametrize("name", FOR_CAPSULES)
def test_the_program_that_shares_no_code_refuses_bad_capsules(name: str) -> None:
    """Whatever we refuse, it refuses."""
    with pytest.raises((ValueError, LookupError, TypeError, ArithmeticError)):
        verifier.verify(BAD[name][1](), ROOT.hex())


def test_the_program_runs_alone(tmp_path: Path) -> None:
    """In an empty folder, isolated from our packages, it holds for a good capsule and not for a bad one."""
    program = tmp_path / "verifier.py"
    program.write_bytes(Path(verifier.__file__).read_bytes())
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_bytes(GOOD["capsule"]())
    bad.write_bytes(BAD["detail-flipped"][1]())

    codes = []
    for one in (good, bad):
        command = [sys.executable, "-I", program, one]
        codes.append(subprocess.run(command, cwd=tmp_path, env={}, capture_output=True, timeout=60, check=False))

    assert [code.returncode for code in codes] == [0, 1]
    assert "成立 / holds".encode() in codes[0].stdout


def test_the_program_imports_nothing_of_ours() -> None:
    """Nothing but the standard library and one signature check."""
    lines = Path(verifier.__file__).read_text(encoding="utf-8").splitlines()
    imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}

    assert imported - set(sys.stdlib_module_names) == {"cryptography"}


def test_no_flipped_bit_of_a_capsule_escapes() -> None:
    """All bit positions of one capsule: none of them leaves it believable, by our code or the other."""
    data = bytearray(GOOD["capsule"]())
    believed = []
    for place in range(len(data) * 8):
        data[place // 8] ^= 1 << place % 8
        try:
            evidence.opened(bytes(data))
            believed.append(place)
        except Refused:
            pass
        data[place // 8] ^= 1 << place % 8

    assert believed == []
    assert verified(bytes(data))


# ── what capsules prove ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_capsule_tells_basis_and_decision() -> None:
    """Who asked, the permit, the row, the operator, the digests: all verified, all readable."""
    found = verified(GOOD["capsule"]())
    provider = found.records[2]

    assert found.permit is not None
    assert found.permit.permit_id == provider.permit_id
    assert found.list_row["row"]["row_id"] == provider.row_id == "16-2-1"
    assert (provider.operator_id, provider.copy_digest, provider.answer_digest) == (
        "tax-017",
        b"\xcc" * 32,
        b"\xaa" * 32,
    )
    assert "番号法" in found.summary["ja"]
    assert "asked" in found.summary["en"]


def test_an_erased_exchange_still_proves_that_it_was() -> None:
    """Existence, time, basis and outcome stay; what was erased is not there; the certificates say under which rule."""
    data = GOOD["capsule-erased"]()
    found = verified(data)

    assert [(party, one.rule) for party, one in found.erased] == [(party, "RECORD_EXPIRED") for party in Party]
    assert found.permit is not None
    assert found.records[2].row_id == "16-2-1"
    for value in ("刈谷市".encode(), b"tax-017", b"KENKO/OP001", b"cc" * 32, b"aa" * 32):
        assert value not in data


def test_an_old_capsule_opens_with_later_certificates() -> None:
    """The certificates say of a capsule from before the erasure: existed, erased under a rule."""
    later = evidence.opened(GOOD["capsule-erased"]())["erasures"]
    found = capsule.verify(evidence.opened(GOOD["capsule"]()), later)

    assert {(party, one.rule) for party, one in found.erased} == {(party, "RECORD_EXPIRED") for party in Party}


# ── completeness ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_record_withheld_of_ten_thousand_is_found() -> None:
    """An auditor who holds nothing but the signed checkpoints is shown 10,000 records, or none of it."""
    made = pairs(10_002)
    start, end = made.places[PROVIDER][0].sequence + 1, made.places[PROVIDER][10_001].sequence
    notes = [made.log.note(start), made.log.note(end)]

    whole = evidence.pair(evidence.opened(sealed(pair_of(made, start, end)), ROOT), notes)

    assert len(whole.records) == 10_000
    for withheld in (2, 5_000, 10_001):
        data = sealed(pair_of(made, start, end, without=(withheld,)))
        with pytest.raises(Refused) as refused:
            evidence.pair(evidence.opened(data, ROOT), notes)
        assert refused.value.rule is Rule.GAP


def test_records_numbered_anew_are_not_in_the_log() -> None:
    """Closing the gap by renumbering changes leaves: the signed root says no."""
    made = pairs(40)

    def renumbered(found: list[evidence.Place]) -> list[evidence.Place]:
        return [one._replace(pair_sequence=found[0].pair_sequence + n) for n, one in enumerate(found)]

    document = pair_of(made, 20, 60, without=(20, 30), change=renumbered)
    last = document["records"][-1][1]
    document["after"][0][1] = last + 1

    with pytest.raises(Refused) as refused:
        verified(sealed(document))
    assert refused.value.rule is Rule.INCLUSION


@pytest.mark.parametrize(("start", "end"), [(20, 60), (0, 60)])
def test_only_checkpoints_that_are_held_count(start: int, end: int) -> None:
    """A proof between other checkpoints than the auditor holds, or of a forked log, convinces nobody."""
    made, fork = pairs(40), pairs(40)
    fork.log.leaves[3] = merkle.leaf_hash(b"another")
    document = evidence.opened(sealed(pair_of(made, start, end)))

    assert evidence.pair(document, [made.log.note(start), made.log.note(end)]).end == 60
    for notes in ([], [made.log.note(start), made.log.note(61)], [fork.log.note(start), fork.log.note(end)]):
        with pytest.raises(Refused) as refused:
            evidence.pair(document, notes)
        assert refused.value.rule is Rule.CHECKPOINT_NOT_HELD


def test_a_log_only_grew() -> None:
    """Both checkpoints are told."""
    older, newer = verified(sealed(grown_document(pairs(20), 9, 33)))

    assert (older.size, newer.size) == (9, 33)
    assert older.origin == newer.origin
    assert older.origin.endswith(INQUIRER)


# ── spelling ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]\n",
        b'{"a":1.0}\n',
        b'{"a":NaN}\n',
        b'{"b":1,"a":2}\n',
        b'{"a":1,"a":1}\n',
        b'{"a":"\\u0041"}\n',
        b"\xff\n",
    ],
)
def test_other_spellings_are_refused(data: bytes) -> None:
    """Blanks, orders, escapes, fractions, doubles: none of them is another way to say the same."""
    with pytest.raises(canonical.Misspelt):
        canonical.read(data)


def test_documents_read_as_they_were_written() -> None:
    """One document, one spelling."""
    document = {"ja": "刈谷市", "n": 2**60, "list": [True, "", {}]}

    assert canonical.read(canonical.written(document)) == document


def test_the_root_key_is_derived_from_the_master() -> None:
    """The same installation always seals with the same key."""
    again = sealed(capsule_document())

    assert evidence.opened(again)["root"] == KEYS.root_signing.public_key().public_bytes_raw().hex()


@pytest.mark.parametrize("size", range(1, 9))
def test_multi_proofs_fit_exactly(size: int) -> None:
    """Any set of places of any small tree leads to its root; with one hash more, less or another, to none."""
    leaves = [merkle.leaf_hash(bytes([n])) for n in range(size)]
    for mask in range(1, 1 << size):
        found = {place: leaves[place] for place in range(size) if mask >> place & 1}
        proof = merkle.multi_proof(leaves, found)

        assert merkle.root_from_multi(found, size, proof) == merkle.root(leaves)
        assert merkle.root_from_multi(found, size, (*proof, leaves[0])) is None
        for place in range(len(proof)):
            assert merkle.root_from_multi(found, size, proof[:place] + proof[place + 1 :]) != merkle.root(leaves)
