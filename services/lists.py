"""The memory of permission list versions: each is immutable, so a process reads and compiles it once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from broker.errors import OwnFault
from broker.facts import Facts
from broker.rules.permission_list import PermissionList, from_json
from broker.tables import PermissionListVersion

VERSIONS_KEPT = 64


@lru_cache(maxsize=VERSIONS_KEPT)
def compiled(body: str) -> tuple[PermissionList, bytes]:
    """A version as it is asked, and its digest; what is immutable is compiled once for all services of a process."""
    found = from_json(body)
    return found, found.digest()


class Lists:
    """Compiled list versions, by number; the oldest are let go when there are too many."""

    def __init__(self) -> None:
        self._known: dict[int, PermissionList] = {}

    async def learn(self, versions: Sequence[int], facts: Facts) -> None:
        """Have these versions ready for `version`."""
        missing = [version for version in dict.fromkeys(versions) if version not in self._known]
        if not missing:
            return
        await facts.load(PermissionListVersion, [(version,) for version in missing])
        for version in missing:
            row = facts.get(PermissionListVersion, version)
            if row is None:
                raise OwnFault(f"permission list version {version} is in force but not stored")
            found, digest = compiled(row.body)
            if digest != row.digest:
                raise OwnFault(f"permission list version {version} does not have the digest it was stored with")
            self._known[version] = found
        while len(self._known) > VERSIONS_KEPT:
            del self._known[next(iter(self._known))]

    def version(self, number: int) -> PermissionList:
        """A version that was learnt."""
        return self._known[number]
