"""What the commands share: recurring options, the console, printing a result.

Belongs here: what more than one command module needs. Does not belong here: any command.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from store.home import Home
from store.messages import Text

console = Console()


def said(zh: str, en: str) -> str:
    """A help text or a message, in the language in force when the module is imported."""
    return str(Text(zh, en))


HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        help=said("数据目录（默认 TONGMAI_HOME，否则 ./data）", "data home (default TONGMAI_HOME, else ./data)"),
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", help=said("结果以 JSON 写到标准输出", "write the result as JSON to standard output")),
]
YearsOption = Annotated[int, typer.Option(min=1, max=10, help=said("年数", "years of history"))]
ScaleOption = Annotated[
    float,
    typer.Option(min=0.001, max=2.0, help=said("规模：1.0 约每年 2 000 万方", "scale: 1.0 is about 20 M m³ a year")),
]


def home_of(home: Path | None) -> Home:
    """The home that an option names, else the default one."""
    return Home.default() if home is None else Home.at(home)


def show(result: dict[str, Any], as_json: bool) -> None:
    """The result of a stage: JSON for programs, one line per figure for people."""
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False, default=str))
        return
    for name, value in result.items():
        shown = json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, dict | list) else value
        console.print(f"  {name}: {shown}", highlight=False, markup=False, soft_wrap=True)
