"""The `chukan` command: its verbs put together, and what a fault becomes. The only place where everything meets."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib import import_module
from typing import NamedTuple

import typer

from broker.embedded.errors import EmbeddedError
from broker.errors import ConfigurationFault, Fault, NotHeard, WorldFault
from services.cli import terminal
from services.cli.options import example


class Verb(NamedTuple):
    """Where a word of the command lies in `services.cli`: a command with what to type, or a noun with its own verbs."""

    module: str
    attribute: str
    lines: tuple[str, ...] = ()


def noun(module: str, attribute: str = "app") -> Verb:
    """A word with verbs of its own."""
    return Verb(module, attribute)


VERBS = {
    "demo": Verb("demo", "demo", ("chukan demo", "chukan demo --json", "chukan demo --data-dir ~/chukan-demo")),
    "up": Verb("system", "up", ("chukan up --data-dir ~/chukan",)),
    "init": Verb("system", "init", ("chukan init --data-dir /data --admin-mechanism PLAIN",)),
    "run": Verb("system", "run", ("chukan run network provision --shards 0",)),
    "doctor": Verb("machine", "doctor", ("chukan doctor --data-dir ~/chukan",)),
    "world": noun("world"),
    "inquiry": noun("inquiries"),
    "copy": noun("copy_load", "copies"),
    "hold": noun("holds"),
    "list": noun("lists"),
    "hub": noun("hub"),
    "records": noun("records"),
    "login": Verb("staff", "login", ("chukan login --institution 9900123210600000 --account OP100",)),
    "logout": Verb("staff", "logout", ("chukan logout",)),
    "whoami": Verb("staff", "whoami", ("chukan whoami",)),
    "staff": noun("staff"),
    "system": noun("management"),
    "nws": noun("management", "nws"),
    "portal": noun("portal"),
    "keys": noun("keys"),
    "audit": noun("audit"),
    "health": noun("health"),
    "vrs": noun("vrs"),
    "erase": noun("erase"),
    "witness": noun("witness"),
    "scenario": noun("scenario"),
    "bench": Verb("bench", "bench", ("chukan bench", "chukan bench --quick --json", "chukan bench --sweep")),
    "scan": Verb("machine", "scan", ("chukan scan --data-dir ~/chukan", "chukan scan --raw 600000000000001")),
    "coverage": Verb("coverage", "coverage", ("chukan coverage", "chukan coverage --json")),
    "topics": Verb("topics", "topics", ("chukan topics", "chukan topics --all --json")),
    "schemas": noun("schemas"),
    "config": noun("machine", "config"),
}
"""Every word after `chukan`, in the order of the help."""

FAULTS: tuple[tuple[type[BaseException], int, str], ...] = (
    (ConfigurationFault, terminal.CONFIGURATION, "設定の誤り / configuration"),
    (NotHeard, terminal.TIME_LIMIT, "時間切れ / time limit"),
    (WorldFault, terminal.UNREACHABLE, "接続できません / unreachable"),
    (EmbeddedError, terminal.UNREACHABLE, "起動できません / cannot start"),
    (Fault, terminal.CHECK_FAILED, "障害 / fault"),
)


def command(words: Iterable[str] = VERBS) -> typer.Typer:
    """The command with these words; what the others need is not even imported."""
    app = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help="自治体中間サーバー・情報提供ネットワークシステム / intermediate server and national network",
    )
    app.callback()(lambda: None)
    for word in words:
        verb = VERBS[word]
        there = getattr(import_module(f"services.cli.{verb.module}"), verb.attribute)
        if isinstance(there, typer.Typer):
            app.add_typer(there, name=word)
        else:
            app.command(word, epilog=example(*verb.lines))(there)
    return app


def judged(fault: BaseException) -> tuple[int, str]:
    """The exit code of a fault and the line it is told in."""
    for kind, code, words in FAULTS:
        if isinstance(fault, kind):
            return code, f"{words}: {fault}"
    raise fault


def main() -> None:
    """Run the command; faults become one line and an exit code."""
    words = [word for word in sys.argv[1:2] if word in VERBS]
    try:
        command(words or VERBS)()
    except (Fault, EmbeddedError) as fault:
        code, line = judged(fault)
        terminal.talk(line)
        sys.exit(code)


if __name__ == "__main__":
    main()
