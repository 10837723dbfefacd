"""`chukan up` and `chukan run`: everything on one machine, or some services on given parts."""

from __future__ import annotations

from typing import Annotated

import typer

from broker.errors import ConfigurationFault
from services import processes
from services.assembly import NAMES
from services.cli import terminal
from services.cli.options import DataDir, directory_of, loaded
from services.installation import Installation, Parts
from services.up import up as run_up
from services.world import ATTACHED_AT_MOST, MOST_INSTITUTIONS, Plan


def up(
    data_dir: DataDir = None,
    institutions: Annotated[
        int, typer.Option(min=2, max=MOST_INSTITUTIONS, help="機関数 / institutions in a new world")
    ] = 6,
    residents: Annotated[int, typer.Option(min=1, help="住民数 / residents in a new world")] = 600,
    seed: Annotated[int, typer.Option(help="乱数の種 / seed of a new world")] = 1,
    attached: Annotated[
        int, typer.Option(min=1, max=ATTACHED_AT_MOST, help="自分のトピックを持つ機関 / with topics of their own")
    ] = 6,
    layout: Annotated[str, typer.Option(help="packed: 分割ごと / separate: サービスごとに1プロセス")] = "packed",
) -> None:
    """Kafka・PostgreSQL・全サービスを起動する / start everything, until SIGTERM."""
    config = loaded(data_dir)
    installation = Installation(directory_of(config), config)
    plan = Plan(seed, institutions, residents, attached, processes.SystemClock().now_ms())
    raise typer.Exit(run_up(installation, plan, layout, say))


def say(line: str) -> None:
    """The ready line, for whoever waits for it."""
    terminal.out().print(line, soft_wrap=True)


def init(
    data_dir: DataDir = None,
    institutions: Annotated[
        int, typer.Option(min=2, max=MOST_INSTITUTIONS, help="機関数 / institutions in a new world")
    ] = 6,
    residents: Annotated[int, typer.Option(min=1, help="住民数 / residents in a new world")] = 600,
    seed: Annotated[int, typer.Option(help="乱数の種 / seed of a new world")] = 1,
    attached: Annotated[
        int, typer.Option(min=1, max=ATTACHED_AT_MOST, help="自分のトピックを持つ機関 / with topics of their own")
    ] = 6,
    admin_mechanism: Annotated[
        str, typer.Option(help="管理者の認証方式、SCRAM-SHA-512 か PLAIN / how the administrator logs in")
    ] = "SCRAM-SHA-512",
) -> None:
    """設定された Kafka と PostgreSQL に、表・トピック・利用者・権限・世界を用意して終わる。繰り返してよい /
    make tables, topics, users, rights and the world in the given Kafka and PostgreSQL; safe to repeat."""
    config = loaded(data_dir)
    if not (config.kafka_bootstrap and config.postgres_dsn):
        raise ConfigurationFault("CHUKAN_KAFKA_BOOTSTRAP と CHUKAN_POSTGRES_DSN が要ります / both are needed")
    installation = Installation(directory_of(config), config)
    password = processes.kafka_password(config)
    parts = Parts(config.kafka_bootstrap, config.kafka_user, password, config.postgres_dsn, admin_mechanism)
    plan = Plan(seed, institutions, residents, attached, processes.SystemClock().now_ms())
    with terminal.progress() as tell:
        world = installation.set_up(parts, plan, tell)
    terminal.talk(
        f"{len(world.codes)} 機関の世界が用意できました / a world of {len(world.codes)} institutions is ready"
    )


def run(
    services: Annotated[list[str], typer.Argument(help="サービス名 / " + ", ".join(NAMES))],
    shards: Annotated[str, typer.Option(help="担当する分割、例 0,1 / shards to serve; default: all")] = "",
    ready_file: Annotated[str, typer.Option(help="準備完了時に書くファイル / written once everything serves")] = "",
) -> None:
    """設定された Kafka と PostgreSQL の上でサービスを動かす / run services on any Kafka and PostgreSQL."""
    config = loaded()
    mine = numbers(shards) or list(range(config.shards))
    raise typer.Exit(processes.run(config, services, mine, ready_file))


def numbers(text: str) -> list[int]:
    """The whole numbers in a list with commas."""
    try:
        return [int(one) for one in text.split(",") if one]
    except ValueError:
        raise typer.BadParameter(f"--shards {text}: 0,1 のような番号の並び / numbers such as 0,1") from None
