"""The `chukan` command: one function a verb. The only place where adapters, services and settings meet."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from broker import config as settings
from broker import logs
from broker.embedded.errors import EmbeddedError
from broker.errors import ConfigurationFault, Fault, WorldFault
from services import processes
from services.assembly import NAMES
from services.installation import Installation
from services.up import up as run_up
from services.world import Plan

app = typer.Typer(
    no_args_is_help=True, pretty_exceptions_enable=False, help="自治体中間サーバー・情報提供ネットワークシステム"
)


def loaded(data_dir: Path | None = None) -> settings.Config:
    """The effective settings, logs set up."""
    config = settings.load(flags={"data_dir": str(data_dir) if data_dir else None}).config
    logs.set_up(config.log_level)
    return config


def default_data_dir() -> Path:
    """Where an installation lies when nobody says otherwise."""
    return Path.home() / ".local" / "state" / "chukan"


DataDir = Annotated[Path | None, typer.Option("--data-dir", help="設置先ディレクトリ / directory of the installation")]


@app.command()
def up(
    data_dir: DataDir = None,
    institutions: Annotated[int, typer.Option(help="機関数 / institutions in a new world")] = 6,
    residents: Annotated[int, typer.Option(help="住民数 / residents in a new world")] = 600,
    seed: Annotated[int, typer.Option(help="乱数の種 / seed of a new world")] = 1,
    layout: Annotated[str, typer.Option(help="packed: 分割ごと / separate: サービスごとに1プロセス")] = "packed",
) -> None:
    """Kafka・PostgreSQL・全サービスを起動する / start everything, until SIGTERM."""
    config = loaded(data_dir)
    installation = Installation(Path(config.data_dir) if config.data_dir else default_data_dir(), config)
    plan = Plan(seed=seed, institutions=institutions, residents=residents, at=processes.SystemClock().now_ms())
    raise typer.Exit(run_up(installation, plan, layout, lambda line: print(line, flush=True)))  # noqa: T201


@app.command()
def run(
    services: Annotated[list[str], typer.Argument(help="サービス名 / " + ", ".join(NAMES))],
    shards: Annotated[str, typer.Option(help="担当する分割、例 0,1 / shards to serve; default: all")] = "",
    ready_file: Annotated[str, typer.Option(help="準備完了時に書くファイル / written once everything serves")] = "",
) -> None:
    """設定された Kafka と PostgreSQL の上でサービスを動かす / run services on any Kafka and PostgreSQL."""
    config = loaded()
    mine = [int(one) for one in shards.split(",") if one] or list(range(config.shards))
    raise typer.Exit(processes.run(config, services, mine, ready_file))


def main() -> None:
    """Run the command; faults become one line and an exit code."""
    try:
        app()
    except ConfigurationFault as fault:
        sys.stderr.write(f"設定の誤り / configuration: {fault}\n")
        sys.exit(3)
    except (WorldFault, EmbeddedError) as fault:
        sys.stderr.write(f"接続できません / unreachable: {fault}\n")
        sys.exit(4)
    except Fault as fault:
        sys.stderr.write(f"障害 / fault: {fault}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
