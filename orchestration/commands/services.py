"""Commands that stay: the live watch and the page.

Belongs here: options in, one call to a door that returns when it is told to end. Does not belong here: either's work.
"""

from __future__ import annotations

from typing import Annotated

import typer

from orchestration.commands.options import HomeOption, home_of, said

commands = typer.Typer()


@commands.command(help=said("盯住收件箱，每几秒刷新实时供需", "Watch the inbox and refresh live supply and demand"))
def live(
    home: HomeOption = None,
    every: Annotated[float, typer.Option(min=0.5, help=said("间隔秒数", "seconds between rounds"))] = 5.0,
    rounds: Annotated[int | None, typer.Option(min=1, help=said("只跑几轮", "stop after so many rounds"))] = None,
) -> None:
    from pipelines.live import live as watch

    watch(home_of(home), every_s=every, iterations=rounds)


@commands.command(
    help=said("打开总览页面（默认只在本机可见）", "Serve the overview page (on this machine only by default)")
)
def serve(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help=said("监听地址", "address to listen on"))] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help=said("端口", "port"))] = 8601,
) -> None:
    import uvicorn

    from dashboard.app import create_app

    typer.echo(
        said(f"总览页面：http://{host}:{port}/（Ctrl-C 结束）", f"overview: http://{host}:{port}/ (Ctrl-C ends)")
    )
    uvicorn.run(create_app(home_of(home)), host=host, port=port, log_level="warning")
