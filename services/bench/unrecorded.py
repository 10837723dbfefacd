"""The services without any evidence, to measure what evidence costs: `python -m services.bench.unrecorded run …`.

Owns the one difference: what a decision would record is neither encoded nor said, and the services that keep logs,
checkpoints and cosignatures do not run. Everything else is the installation's own. No setting leads here, and the
command knows nothing of it: outside the benchmark, no record means no answer.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from broker import config as settings
from broker import logs
from broker.decision import Decision
from broker.keys import Keys
from broker.ports import Randomness
from broker.service import Service
from schemas.records import ProvisionRecorded
from services import processes, provision_log, witness
from services.assembly import assemble
from services.common import Terms

PROGRAM = "services.bench.unrecorded"
KEEPERS = (provision_log.NAME, witness.NAME)

Close = Callable[[Sequence[Decision]], Sequence[Decision]]


def unrecorded(keys: Keys, randomness: Randomness, terms: Terms) -> dict[str, Service]:
    """All services but the keepers, none of which says a record."""
    services = assemble(keys, randomness, terms)
    return {name: without_records(one) for name, one in services.items() if name not in KEEPERS}


def without_records(service: Service) -> Service:
    """The service with every record taken out of its decisions before anybody gathers them."""
    handlers = [one._replace(close=dropping(one.close)) if one.close else one for one in service.handlers]
    return service._replace(handlers=tuple(handlers))


def dropping(close: Close) -> Close:
    """What a run of messages is closed with, without its records."""

    def closed(decisions: Sequence[Decision]) -> Sequence[Decision]:
        return close(
            [
                one._replace(say=tuple(said for said in one.say if type(said) is not ProvisionRecorded))
                for one in decisions
            ]
        )

    return closed


def main() -> int:
    """Run as `chukan run` would."""
    parser = argparse.ArgumentParser(prog=PROGRAM)
    parser.add_argument("verb", choices=["run"])
    parser.add_argument("services", nargs="+")
    parser.add_argument("--shards", required=True)
    parser.add_argument("--ready-file", default="")
    wanted = parser.parse_args()
    config = settings.load().config
    logs.set_up(config.log_level)
    shards = [int(one) for one in wanted.shards.split(",")]
    return processes.run(config, wanted.services, shards, wanted.ready_file, unrecorded)


if __name__ == "__main__":
    raise SystemExit(main())
