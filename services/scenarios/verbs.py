"""What can be done in a scenario: one table of verbs, each with its typed arguments and what it does on a stage.

Owns the table. Promises that a verb reaches the country only through a `Stage`, by the messages and functions that
institutions, staff and operators use, so that it does the same in memory and on real parts; and that what it gives back
names neither moments nor numbers of a run. Leaves what they do to the modules that it is put together from, reading
files to `form` and playing to `play`.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.scenarios.casting import Verb
from services.scenarios.city_verbs import CITY_VERBS
from services.scenarios.everyday import EVERYDAY
from services.scenarios.evidence_verbs import EVIDENCE_VERBS
from services.scenarios.hub_verbs import HUB_VERBS
from services.scenarios.staff_verbs import STAFF_VERBS

VERBS: Mapping[str, Verb] = {**EVERYDAY, **STAFF_VERBS, **HUB_VERBS, **CITY_VERBS, **EVIDENCE_VERBS}
