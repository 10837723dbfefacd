"""The named statements of `queries.sql`, and of other files beside it.

Owns their reading. Leaves what they mean to the lines beside them.
"""

from __future__ import annotations

import re
from importlib import resources


def load_queries(file: str = "queries.sql") -> dict[str, str]:
    """The named statements of a file beside this module, their comments left out."""
    text = resources.files("broker.adapters").joinpath(file).read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (\w+)$", text, flags=re.MULTILINE)[1:]
    return {
        name: "\n".join(line for line in body.splitlines() if not line.startswith("--")).strip()
        for name, body in zip(parts[::2], parts[1::2], strict=True)
    }


QUERIES = load_queries()
