"""`chukan coverage`: every function and measure of the assessment, and where it is."""

from __future__ import annotations

import typer
from rich.text import Text

from services import coverage as covered
from services.cli import terminal
from services.cli.options import Json


def coverage(json_: Json = False) -> None:
    """評価書の機能と措置がどこにあるか。欠けていれば 1 で終わる /
    where each function and measure of the assessment is; exit 1 when anything named is not there."""
    functions, measures = covered.table()
    gone = covered.missing()
    if json_:
        body = {
            "ok": not gone,
            "functions": [one._asdict() for one in functions],
            "measures": [one._asdict() for one in measures],
            "missing": [one._asdict() for one in gone],
        }
        terminal.show_json("coverage", body)
    else:
        keys = {one.key for one in gone}
        rows = [
            (
                terminal.mark(one.key not in keys),
                one.system,
                str(one.number),
                one.ja,
                ", ".join(one.modules),
                ", ".join(one.scenarios),
            )
            for one in functions
        ]
        columns = ("", "システム / system", "", "機能 / function", "どこ / where", "シナリオ / scenarios")
        terminal.show_table("機能 / functions", columns, rows)
        rows = [
            (
                terminal.mark(one.key not in keys),
                one.key,
                covered.NATURES[one.nature][0],
                one.ja,
                one.contributes_ja or one.rule_ja,
                ", ".join(one.scenarios) or "—",
            )
            for one in measures
        ]
        columns = ("", "", "種類 / nature", "措置 / measure", "きまり・寄与 / rule", "シナリオ / scenarios")
        terminal.show_table("措置 / measures", columns, rows)
        for one in gone:
            terminal.out().print(Text(f"欠けています / missing: {one.key}: {one.what}", style="bold red"))
        terminal.out().print(
            f"{len(functions)} 機能、{len(measures)} 措置、欠落 {len(gone)} / "
            f"{len(functions)} functions, {len(measures)} measures, {len(gone)} missing"
        )
    if gone:
        raise typer.Exit(terminal.CHECK_FAILED)
