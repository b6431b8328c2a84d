"""`tongmai demo` and `tongmai simulate`: the virtual city.

Belongs here: options in, one call to the simulation's door, the result out. Does not belong here: what the city is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from orchestration.commands.options import HomeOption, JsonOption, ScaleOption, YearsOption, home_of, said, show
from orchestration.commands.stages import run_all

commands = typer.Typer()


@commands.command(
    help=said(
        "生成虚拟城市，跑完全部阶段，打印摘要（等于 simulate 加 run）",
        "Make the virtual city, run every stage, print the summary (simulate, then run)",
    )
)
def demo(
    home: HomeOption = None, years: YearsOption = 3, scale: ScaleOption = 0.1, as_json: JsonOption = False
) -> None:
    from simulation.city import simulate as make_city

    place = home_of(home)
    make_city(place, years=years, scale=scale)
    run_all(place, as_json)


@commands.command(
    help=said("生成虚拟城市的文件（合成数据）", "Write the files of the virtual city (synthetic data) into the inbox")
)
def simulate(
    home: HomeOption = None,
    years: YearsOption = 3,
    scale: ScaleOption = 0.1,
    seed: Annotated[int, typer.Option(help=said("随机种子", "random seed"))] = 20260101,
    end: Annotated[
        datetime, typer.Option(formats=["%Y-%m-%d"], help=said("最后一天", "last day of the data"))
    ] = datetime(2025, 12, 28),
    batch_weeks: Annotated[
        int,
        typer.Option(min=0, help=said("写出最后几周的盘记录", "weeks, up to the end, for which batches are written")),
    ] = 8,
    as_json: JsonOption = False,
) -> None:
    from simulation.city import simulate as make_city

    report = make_city(home_of(home), years=years, scale=scale, seed=seed, end=end.date(), batch_weeks=batch_weeks)
    show(report.to_dict(), as_json)
