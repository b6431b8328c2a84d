"""The commands of `tongmai`: options in, one call to a stage's door, a readable or JSON result out.

Belongs here: the application, and the modules whose commands it offers, in the order of the help. Does not
belong here: any command. Help texts are made in the language chosen before this package is imported; heavy
libraries are imported inside the command that needs them.
"""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.commands import city, forecasts, inspection, intake, rejects, services, stages
from orchestration.commands.options import said

app = typer.Typer(
    help=said(
        "砼脉：一座城市预拌混凝土行业的数据平台。收单、建库、预测、规划、发布。",
        "Tongmai: the data platform of a city's ready-mixed-concrete industry: load, build, forecast, plan.",
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def _every_command(
    lang: Annotated[
        str | None,
        typer.Option(help=said("语言：zh 或 en（默认随系统）", "language: zh or en (default: the locale's)")),
    ] = None,
) -> None:
    """`--lang` is read before this package is imported; it stands here so that the help shows it."""


for module in (city, intake, rejects, stages, forecasts, services, inspection):
    app.add_typer(module.commands)
