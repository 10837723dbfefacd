"""`chukan world`: a synthetic country by seed, made in bulk."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from broker.errors import ConfigurationFault
from services.cli import terminal
from services.cli.options import DataDir, Json, directory_of, example, loaded
from services.installation import EmbeddedParts, Installation, Parts
from services.processes import SystemClock, kafka_password
from services.world import ATTACHED_AT_MOST, MOST_INSTITUTIONS, Plan, World

app = typer.Typer(no_args_is_help=True, help="模擬の世界 / the synthetic country")
MOST_RESIDENTS = 10_000_000


@app.callback()
def world() -> None:
    """模擬の世界 / the synthetic country."""


@app.command(epilog=example("chukan world create --data-dir ~/country --institutions 1741 --residents 100000 --seed 7"))
def create(
    data_dir: DataDir = None,
    institutions: Annotated[int, typer.Option(min=2, max=MOST_INSTITUTIONS, help="機関数 / institutions")] = 6,
    residents: Annotated[int, typer.Option(min=1, max=MOST_RESIDENTS, help="住民数 / residents")] = 600,
    seed: Annotated[int, typer.Option(help="乱数の種。同じ種は同じ世界 / seed; the same gives the same")] = 1,
    attached: Annotated[
        int, typer.Option(min=1, max=ATTACHED_AT_MOST, help="自分のトピックを持つ機関 / with topics of their own")
    ] = 6,
    json_: Json = False,
) -> None:
    """機関・住民・符号・副本・照合リストを作る。CHUKAN_KAFKA_BOOTSTRAP と CHUKAN_POSTGRES_DSN があればそこに、
    なければ設置先の組み込みの部品に / make institutions, residents, codes, copies and the list: in the given Kafka and
    PostgreSQL, or in a new directory's embedded ones."""
    config = loaded(data_dir)
    installation = Installation(directory_of(config), config)
    if installation.plan() is not None:
        raise ConfigurationFault(
            f"{installation.directory} にはすでに世界があります。新しい --data-dir を指定してください / "
            "there is a world already; choose a new --data-dir"
        )
    plan = Plan(seed, institutions, residents, attached, SystemClock().now_ms())
    started = time.monotonic()
    with terminal.progress() as tell:
        made = make(installation, plan, tell)
    seconds = time.monotonic() - started
    body = {
        "data_dir": str(installation.directory),
        "seed": seed,
        "institutions": len(made.codes),
        "attached": made.attached,
        "residents": residents,
        "seconds": round(seconds, 3),
    }
    if json_:
        terminal.show_json("world", body)
        return
    terminal.out().print(
        f"{len(made.codes)} 機関・{residents:,} 人の世界を {seconds:.1f} 秒で作りました / "
        f"made {len(made.codes)} institutions and {residents:,} residents in {seconds:.1f} s\n"
        f"次に / next: chukan up --data-dir {installation.directory}"
    )


def make(installation: Installation, plan: Plan, tell: terminal.Tell) -> World:
    """The world, in the parts that the settings name or in embedded ones that are ended afterwards."""
    config = installation.config
    if bool(config.kafka_bootstrap) != bool(config.postgres_dsn):
        raise ConfigurationFault(
            "CHUKAN_KAFKA_BOOTSTRAP と CHUKAN_POSTGRES_DSN は両方要ります / both are needed, or neither"
        )
    if config.kafka_bootstrap:
        parts = Parts(config.kafka_bootstrap, config.kafka_user, kafka_password(config), config.postgres_dsn)
        return installation.set_up(parts, plan, tell)
    embedded = EmbeddedParts(installation.directory)
    parts = embedded.start()
    try:
        return installation.set_up(parts, plan, tell)
    finally:
        embedded.stop()
