"""OPTIMADE: the structures of a database that speaks its interface, page after page."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any, NamedTuple

from ... import __version__
from ...errors import InputError
from .collect import Item, Page
from .properties import ALIASES, properties

FIELDS = (
    "lattice_vectors", "cartesian_site_positions", "species_at_sites", "species", "structure_features",
    "dimension_types", "chemical_formula_reduced",
)  # fmt: skip
PAGE = 100
BETWEEN_REQUESTS = 0.2
"""The least time between requests in seconds: no server is asked more than five times a second."""
TRIES = 6
"""Requests that are answered with 'too many' or 'not now' are asked again so often, after what the server says."""
LONGEST_WAIT = 120.0
"""The longest wait before a request is repeated, in seconds."""
PAGE_LIMIT = re.compile(r"page_limit=(\d+)")
BUSY = (429, 502, 503, 504)


class Refused(InputError):
    """A server answers a request with an error that waiting does not mend."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Database(NamedTuple):
    """A database as its server describes it."""

    structures: str
    """The URL of its structures."""
    provider: str
    prefix: str
    """The prefix of the names of its own properties, such as `_mp_`."""
    licence: str
    fields: tuple[str, ...]
    """The fields that are asked for of each structure."""


def database(url: str) -> Database:
    """Ask a server, by its base URL, what it is and which of the properties that are kept it has."""
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{url}: wanted the base URL of an OPTIMADE server, http://… or https://…")
    base = url.rstrip("/").removesuffix("/structures")
    base = base if base.rpartition("/")[2].startswith("v1") else f"{base}/v1"
    info, structures = answer(f"{base}/info"), answer(f"{base}/info/structures")
    provider = info.get("meta", {}).get("provider") or {}
    prefix = f"_{provider['prefix']}_" if provider.get("prefix") else ""
    properties = structures.get("data", {}).get("properties", {})
    own = [name for name in properties if prefix and name.startswith(prefix) and name.removeprefix(prefix) in ALIASES]
    attributes = info.get("data", {}).get("attributes", {})
    return Database(
        f"{base}/structures", provider.get("name", "not stated"), prefix, _licence(attributes), (*FIELDS, *own)
    )


def _licence(attributes: dict[str, Any]) -> str:
    stated = attributes.get("license") or attributes.get("available_licenses")
    if isinstance(stated, dict):
        stated = stated.get("href")
    if isinstance(stated, list):
        stated = ", ".join(map(str, stated))
    return str(stated) if stated else "not stated by the server; see the provider's terms"


def first_page(source: Database, filter_: str) -> str:
    """Return the URL of the first page of the structures that pass a filter."""
    query = {"response_fields": ",".join(source.fields), "page_limit": str(PAGE), "response_format": "json"}
    if filter_:
        query["filter"] = filter_
    return f"{source.structures}?{urllib.parse.urlencode(query)}"


def pages(source: Database, link: str | None) -> Iterator[Page]:
    """Yield the structures of each page from the URL `link` on."""
    while link:
        content = _page(link)
        entries = content.get("data")
        if not isinstance(entries, list):
            raise InputError(f"{_short(link)}: wanted a list of structures, got {type(entries).__name__}")
        before, link = link, _next(content.get("links") or {})
        if link == before:
            raise InputError(f"{_short(link)}: the server says that the next page is the same one again")
        items = [_item(entry, source.prefix) for entry in entries]
        yield Page(items, link, content.get("meta", {}).get("data_returned"))


def _page(link: str) -> dict[str, Any]:
    """Ask for a page, and for one of half the length where the server allows none so long."""
    while True:
        try:
            return answer(link)
        except Refused as error:
            limit = PAGE_LIMIT.search(link)
            if error.code != 403 or limit is None or int(limit[1]) == 1:
                raise
            link = PAGE_LIMIT.sub(f"page_limit={int(limit[1]) // 2}", link)


def _item(entry: dict[str, Any], prefix: str) -> Item:
    return Item(str(entry.get("id")), entry, properties(entry.get("attributes") or {}, prefix))


def _next(links: dict[str, Any]) -> str | None:
    link = links.get("next")
    return link.get("href") if isinstance(link, dict) else link


_last_request = [0.0]


def answer(url: str) -> dict[str, Any]:
    """Return the JSON that a server answers with, asking again where it is busy, never faster than it allows."""
    request = urllib.request.Request(
        url, headers={"User-Agent": f"crystalgrid/{__version__}", "Accept": "application/json"}
    )
    for attempt in range(TRIES):
        time.sleep(max(0.0, _last_request[0] + BETWEEN_REQUESTS - time.monotonic()))
        _last_request[0] = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=60) as response:
                return _content(url, response.read())
        except urllib.error.HTTPError as error:
            if error.code not in BUSY or attempt == TRIES - 1:
                fault = f"the server answers {error.code} {error.reason}{_detail(error)}"
                raise Refused(f"{_short(url)}: {fault}", error.code) from None
            time.sleep(min(LONGEST_WAIT, _wait(error.headers.get("Retry-After"), attempt)))
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            reason = getattr(error, "reason", error)
            if attempt == TRIES - 1 or isinstance(reason, ConnectionRefusedError | socket.gaierror):
                raise InputError(f"{_short(url)}: no answer ({getattr(reason, 'strerror', reason)})") from None
            time.sleep(_wait(None, attempt))
    raise AssertionError("the last attempt returns or raises")


def _content(url: str, body: bytes) -> dict[str, Any]:
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise InputError(f"{_short(url)}: wanted an answer in JSON; is it the base URL of an OPTIMADE server?")
    return content


def _wait(stated: str | None, attempt: int) -> float:
    return float(stated) if stated and stated.isdecimal() else 2.0**attempt


def _detail(error: urllib.error.HTTPError) -> str:
    """Return what the server says is wrong, as with a filter that it cannot read."""
    try:
        details = [fault.get("detail", "") for fault in json.loads(error.read()).get("errors", [])]
    except (ValueError, AttributeError):
        return ""
    return f": {details[0].strip().splitlines()[0]}" if details and details[0].strip() else ""


def _short(url: str) -> str:
    return url.partition("?")[0]
