"""The page's server: routes, headers, and one reading per published version.

Belongs here: HTTP. Does not belong here: queries (`overview`, `fan`, `live`) and wording (`headlines`, `page`).

Only GET, only this machine's files, nothing from elsewhere: the content-security policy lets the browser load
from this server alone. A new version is noticed by the next request, since each one resolves the symlink.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException as StarletteHTTPException

from dashboard import page
from dashboard.fan import ALL, read_fan
from dashboard.live import Live, read_live
from dashboard.overview import Overview, read_version_at
from dashboard.schematic import SCHEMATIC
from dashboard.tables import csv_text, rows_of
from store.home import Home
from store.messages import Lang, TongmaiError

HERE = Path(__file__).resolve().parent

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Desk:
    """Answers from the newest published version of `home`; each answer is read once per version.

    One reading at a time: a locked-down DuckDB file refuses a second session of the same process.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._turn = threading.Lock()
        self._overview = lru_cache(maxsize=2)(read_version_at)
        self._fan = lru_cache(maxsize=256)(read_fan)

    def version(self) -> str | None:
        path = self._home.published
        return path.parent.name if path.exists() else None

    def overview(self) -> Overview:
        """Raises TongmaiError(`not_published`) when there is no version yet."""
        with self._turn:
            return self._overview(self._home.published)

    def fan(self, district_code: str, grade_class: str) -> dict[str, Any]:
        """Raises TongmaiError(`not_published`) or TongmaiError(`unknown_series`)."""
        with self._turn:
            return self._fan(self._home.published, district_code, grade_class)

    def live(self) -> Live | None:
        with self._turn:
            return read_live(self._home)


def create_app(home: Home) -> FastAPI:
    """The application for one home; nothing is read before the first request."""
    app = FastAPI(title="Tongmai", docs_url=None, redoc_url=None, openapi_url=None)
    desk = Desk(home)
    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.middleware("http")(_with_headers)

    def html(template: str, lang: Lang, status: int = 200, **context: Any) -> HTMLResponse:
        return HTMLResponse(templates.get_template(template).render(**page.frame(lang), **context), status)

    @app.exception_handler(TongmaiError)
    def explain(request: Request, error: TongmaiError) -> Response:
        status = {"not_published": 503, "unknown_series": 404}.get(error.reason, 500)
        if _wants_json(request):
            return JSONResponse({"reason": error.reason, "zh": error.text.zh, "en": error.text.en}, status)
        return html("empty.html", _lang(request), status, home=str(home.root))

    @app.exception_handler(StarletteHTTPException)
    def refuse(request: Request, error: StarletteHTTPException) -> Response:
        if _wants_json(request) or error.status_code != 404:
            return JSONResponse({"reason": str(error.detail)}, error.status_code, dict(error.headers or {}))
        return html("missing.html", _lang(request), 404)

    @app.get("/")
    def show(request: Request) -> HTMLResponse:
        lang = _lang(request)
        return html("overview.html", lang, **page.content(desk.overview(), desk.live(), lang))

    @app.get("/api/overview")
    def overview() -> JSONResponse:
        return JSONResponse(desk.overview().to_dict())

    @app.get("/api/fan")
    def fan(district_code: str = ALL, grade_class: str = ALL) -> JSONResponse:
        return JSONResponse(desk.fan(district_code, grade_class))

    @app.get("/api/map")
    def map_() -> FileResponse:
        return FileResponse(SCHEMATIC, media_type="application/geo+json")

    @app.get("/api/live")
    def live(request: Request) -> JSONResponse:
        newest = desk.live()
        return JSONResponse({"version": desk.version(), "live": page.live_panel(newest, _lang(request))})

    @app.get("/download/{table}.csv")
    def download(request: Request, table: str) -> Response:
        newest = desk.overview()
        try:
            fields, rows = rows_of(table, newest)
        except KeyError:
            raise HTTPException(404) from None
        name = f"tongmai-{table}-{newest.version.version}.csv"
        return Response(
            csv_text(fields, rows, newest.comments, _lang(request)),
            media_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    @app.get("/healthz")
    def healthz() -> dict[str, str | None]:
        return {"status": "ok", "version": desk.version()}

    return app


async def _with_headers(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await answer(request)
    response.headers.update(HEADERS)
    if not request.url.path.startswith("/static/"):
        response.headers["Cache-Control"] = "no-store"
    return response


def _lang(request: Request) -> Lang:
    """Chinese unless ?lang=en is asked for."""
    return "en" if request.query_params.get("lang", "").lower().startswith("en") else "zh"


def _wants_json(request: Request) -> bool:
    return request.url.path.startswith(("/api/", "/healthz"))
