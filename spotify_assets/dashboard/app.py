"""The web application: pages by address, their blocks as files, styles and scripts."""

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any
from urllib.parse import urlencode

import duckdb
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from spotify_assets.dashboard import exports, filters
from spotify_assets.dashboard.blocks import NotThereError, Page, View, paired, untold
from spotify_assets.dashboard.formats import plural
from spotify_assets.dashboard.pages import ENTITIES, NAVIGATION, Make
from spotify_assets.dashboard.pages.recap import chosen_days, recap_of
from spotify_assets.dashboard.queries import Rows
from spotify_assets.dashboard.recap.cards import CARDS, SIZES, card_png, log_missing_fonts
from spotify_assets.dashboard.recap.content import Recap
from spotify_assets.dashboard.recap.files import recap_html
from spotify_assets.dashboard.security import LOOPBACK_NAMES, Guard
from spotify_assets.dashboard.templating import HERE, templates
from spotify_assets.dashboard.vega import Bundle
from spotify_assets.dashboard.warehouse import WarehouseFile, listeners_in, missing_tables
from spotify_assets.settings import Settings

FILES = {
    "csv": (exports.csv_of, "text/csv"),
    "m3u": (exports.m3u_of, "audio/x-mpegurl"),
    "uris": (exports.uris_of, "text/plain"),
}
ENDINGS = {"csv": "csv", "m3u": "m3u8", "uris": "txt"}
STATIC = {"dashboard.css": "text/css", "dashboard.js": "text/javascript", "theme.js": "text/javascript"}
A_YEAR = "public, max-age=31536000, immutable"


def create_app(settings: Settings, *, hosts: Collection[str] = LOOPBACK_NAMES) -> Starlette:
    """The application for some settings.

    Args:
        settings: Where the warehouse and the lake are, and whose pages come first.
        hosts: Names in the header Host that are answered; empty for all.
    """
    warehouse, bundle = WarehouseFile(settings), Bundle()

    def vega(request: Request) -> Response:
        if not bundle.content():
            # Not to be kept by the browser: pages show tables instead of charts until the next start.
            return PlainTextResponse("Vega could not be put together; see the terminal.", status_code=503)
        return Response(bundle.content(), media_type="text/javascript", headers={"Cache-Control": A_YEAR})

    routes = [
        Route("/static/vega.js", vega),
        Route("/static/{name}", _static),
        Route("/recap.html", partial(_recap_file, warehouse)),
        Route("/recap/card.png", partial(_recap_card, warehouse)),
        *(Route(entry.path, partial(_answer_page, warehouse, entry.path, entry.make)) for entry in NAVIGATION),
        *(Route(f"{path}/{{key}}", partial(_answer_page, warehouse, path, make)) for path, make in ENTITIES.items()),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={HTTPException: _http_error, Exception: _server_error},
    )


def _answer_page(warehouse: WarehouseFile, path: str, make: Make, request: Request) -> Response:
    """A page, or one of its blocks as a file."""
    started = time.perf_counter()
    asked = dict(request.query_params)
    try:
        with _view(warehouse, asked) as view:
            if view is None:
                return _empty(warehouse, "Nothing has been heard yet.")
            page = make(view, **request.path_params)
            wanted = next((form for form in FILES if form in asked), None)
            if wanted:
                return _file(view, page, wanted, asked[wanted])
            known: dict[Any, Rows] = {}
            answers = [
                block.answer(view.connection, known, is_whole=asked.get("all") == block.name) for block in page.blocks
            ]
            html = _render(
                page.template,
                status=200,
                view=view,
                page=page,
                answers=answers,
                paired=paired(answer for answer in answers if not answer.is_unknown),
                untold=untold(page, answers),
                path=path,
                notice=warehouse.sync_notice(),
                here=partial(_here, request),
                seconds=time.perf_counter() - started,
            )
    except FileNotFoundError:
        return _empty(warehouse, "There is no data yet.")
    except NotThereError as error:
        return _problem(404, "Not found", str(error))
    except (duckdb.CatalogException, duckdb.BinderException):
        return _outdated(warehouse)
    html.headers["Server-Timing"] = f"page;dur={(time.perf_counter() - started) * 1000:.1f}"
    return html


def _recap_file(warehouse: WarehouseFile, request: Request) -> Response:
    """The recap as one HTML file."""
    found = _recap(warehouse, request)
    if isinstance(found, Response):
        return found
    headers = {"Content-Disposition": f'attachment; filename="{_recap_file_name(found)}.html"'}
    return HTMLResponse(recap_html(found), headers=headers)


def _recap_card(warehouse: WarehouseFile, request: Request) -> Response:
    """The recap as a picture."""
    name, size = request.query_params.get("card", CARDS[0].name), request.query_params.get("size", next(iter(SIZES)))
    card = next((card for card in CARDS if card.name == name), None)
    if card is None or size not in SIZES:
        kinds = ", ".join(card.name for card in CARDS)
        return _problem(404, "Not found", f"Cards are {kinds}; sizes are {', '.join(SIZES)}.")
    found = _recap(warehouse, request)
    if isinstance(found, Response):
        return found
    png = card_png(found, card, SIZES[size])
    log_missing_fonts(found)
    if png is None:
        return _problem(404, "Not found", "Nothing is known for this card.")
    headers = {"Content-Disposition": f'inline; filename="{_recap_file_name(found)}-{card.name}-{size}.png"'}
    return Response(png, media_type="image/png", headers=headers)


def _recap(warehouse: WarehouseFile, request: Request) -> Recap | Response:
    """The recap that is asked for, or why there is none."""
    try:
        with _view(warehouse, dict(request.query_params)) as view:
            found = recap_of(view, chosen_days(view)) if view else None
    except FileNotFoundError:
        return _problem(404, "Not found", "There is no data yet.")
    except (duckdb.CatalogException, duckdb.BinderException):
        return _outdated(warehouse)
    return found or _problem(404, "Not found", "Nothing was heard on these days.")


def _recap_file_name(recap: Recap) -> str:
    """Without the listener: a header takes few characters, and names have any."""
    start, end = recap.filters.start, recap.filters.end
    return f"recap-{recap.year or f'{start}-{end}'}"


@contextmanager
def _view(warehouse: WarehouseFile, asked: dict[str, str]) -> Iterator[View | None]:
    """What a page is made from; None where nobody has plays."""
    with warehouse.connect() as connection:
        listeners = listeners_in(connection)
        if not listeners:
            yield None
            return
        chosen = filters.Filters.parse(asked, listeners, warehouse.settings.listener)
        yield View(chosen, connection, listeners, asked)


def _file(view: View, page: Page, form: str, name: str) -> Response:
    """Rows of a block as a file."""
    block = next((block for block in page.blocks if block.name == name), None)
    if block is None:
        raise NotThereError(f"this page has no table {name!r}")
    write, media_type = FILES[form]
    headers = {"Content-Disposition": f'attachment; filename="{block.name}.{ENDINGS[form]}"'}
    return Response(
        write(block.query.run(view.connection)), media_type=f"{media_type}; charset=utf-8", headers=headers
    )


def _here(request: Request, **changes: str | None) -> str:
    """The address of this page with other values."""
    values = {name: value for name, value in {**request.query_params, **changes}.items() if value is not None}
    query = urlencode(values)
    return f"{request.url.path}?{query}" if query else request.url.path


def _empty(warehouse: WarehouseFile, title: str) -> Response:
    return _render("empty.html", status=200, title=title, notice=warehouse.sync_notice())


def _problem(status: int, title: str, text: str) -> Response:
    return _render("problem.html", status=status, title=title, text=text, notice="")


def _outdated(warehouse: WarehouseFile) -> Response:
    """A table is missing: the file is from a former version, or only a part of it was published."""
    with warehouse.connect() as connection:
        missing = missing_tables(connection)
    names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    what = (
        f"The warehouse lacks {plural(len(missing), 'table')} ({names})" if missing else "The warehouse lacks a column"
    )
    return _problem(503, "Sync first", f"{what}: spotify-assets sync writes them.")


def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _problem(404, "Not found", "There is no such page.")
    return PlainTextResponse(f"{status}", status_code=status)


def _server_error(request: Request, error: Exception) -> Response:
    # What it was is in the terminal, where it is nobody else's.
    return _problem(500, "That went wrong", f"{type(error).__name__}: the terminal of the dashboard says more.")


def _static(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in STATIC:
        raise HTTPException(404)
    return Response(
        (HERE / "static" / name).read_bytes(), media_type=STATIC[name], headers={"Cache-Control": "no-cache"}
    )


def _render(template: str, *, status: int, **values: Any) -> Response:
    environment = templates()
    shown = {"navigation": NAVIGATION, "filters_module": filters, "vega_version": version("vl-convert-python")}
    return HTMLResponse(environment.get_template(template).render(**shown, **values), status_code=status)
