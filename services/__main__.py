"""The `chukan` command: its verbs put together, and what a fault becomes. The only place where everything meets."""

from __future__ import annotations

import sys

import typer

from broker.embedded.errors import EmbeddedError
from broker.errors import ConfigurationFault, Fault, WorldFault
from services.cli import (
    audit,
    bench,
    copy_load,
    coverage,
    demo,
    erase,
    health,
    holds,
    hub,
    inquiries,
    keys,
    lists,
    machine,
    management,
    portal,
    records,
    scenario,
    schemas,
    staff,
    system,
    terminal,
    topics,
    vrs,
    witness,
    world,
)
from services.cli.options import example
from services.client import NotHeard

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="自治体中間サーバー・情報提供ネットワークシステム / intermediate server and national network",
)
app.command("demo", epilog=demo.EXAMPLE)(demo.demo)
app.command("up", epilog=example("chukan up --data-dir ~/chukan"))(system.up)
app.command("init", epilog=example("chukan init --data-dir /data --admin-mechanism PLAIN"))(system.init)
app.command("run", epilog=example("chukan run network provision --shards 0"))(system.run)
app.command("doctor", epilog=example("chukan doctor --data-dir ~/chukan"))(machine.doctor)
app.add_typer(world.app, name="world")
app.add_typer(inquiries.app, name="inquiry")
app.add_typer(inquiries.copies, name="copy")
inquiries.copies.command("load", epilog=copy_load.EXAMPLE)(copy_load.load)
app.add_typer(holds.app, name="hold")
app.add_typer(lists.app, name="list")
app.add_typer(hub.app, name="hub")
app.add_typer(records.app, name="records")
app.command("login", epilog=example("chukan login --institution 9900123210600000 --account OP100"))(staff.login)
app.command("logout", epilog=example("chukan logout"))(staff.logout)
app.command("whoami", epilog=example("chukan whoami"))(staff.whoami)
app.add_typer(staff.app, name="staff")
app.add_typer(management.app, name="system")
app.add_typer(management.nws, name="nws")
app.add_typer(portal.app, name="portal")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(health.app, name="health")
app.add_typer(vrs.app, name="vrs")
app.add_typer(erase.app, name="erase")
app.add_typer(witness.app, name="witness")
app.add_typer(scenario.app, name="scenario")
app.command("bench", epilog=bench.EXAMPLE)(bench.bench)
app.command("scan", epilog=example("chukan scan --data-dir ~/chukan", "chukan scan --raw 600000000000001"))(
    machine.scan
)
app.command("coverage", epilog=coverage.EXAMPLE)(coverage.coverage)
app.command("scan", epilog=example("chukan scan --data-dir ~/chukan"))(machine.scan)
app.command("topics", epilog=example("chukan topics", "chukan topics --all --json"))(topics.topics)
app.add_typer(schemas.app, name="schemas")
app.add_typer(machine.config, name="config")

FAULTS: tuple[tuple[type[BaseException], int, str], ...] = (
    (ConfigurationFault, terminal.CONFIGURATION, "設定の誤り / configuration"),
    (NotHeard, terminal.TIME_LIMIT, "時間切れ / time limit"),
    (WorldFault, terminal.UNREACHABLE, "接続できません / unreachable"),
    (EmbeddedError, terminal.UNREACHABLE, "起動できません / cannot start"),
    (Fault, terminal.CHECK_FAILED, "障害 / fault"),
)


def judged(fault: BaseException) -> tuple[int, str]:
    """The exit code of a fault and the line it is told in."""
    for kind, code, words in FAULTS:
        if isinstance(fault, kind):
            return code, f"{words}: {fault}"
    raise fault


def main() -> None:
    """Run the command; faults become one line and an exit code."""
    try:
        app()
    except (Fault, EmbeddedError) as fault:
        code, line = judged(fault)
        terminal.talk(line)
        sys.exit(code)


if __name__ == "__main__":
    main()
