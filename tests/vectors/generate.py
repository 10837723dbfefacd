"""Writes the committed proof documents: `python tests/vectors/generate.py`. Bad ones break one rule each."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from evidence_factory import BAD, GOOD, ROOT  # noqa: E402


def main() -> None:
    """Every document in its file; a bad one's name begins with the rule it breaks."""
    for old in HERE.glob("*/*.json"):
        old.unlink()
    (HERE / "root.hex").write_text(ROOT.hex() + "\n", encoding="utf-8")
    for folder in ("good", "bad"):
        (HERE / folder).mkdir(exist_ok=True)
    for name, make in GOOD.items():
        (HERE / "good" / f"{name}.json").write_bytes(make())
    for name, (rule, make_bad) in BAD.items():
        (HERE / "bad" / f"{rule}.{name}.json").write_bytes(make_bad())


if __name__ == "__main__":
    main()
