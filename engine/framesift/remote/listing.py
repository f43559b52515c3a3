"""Addresses as people give them → objects: one, all below a prefix, all that match a pattern."""

import glob
import re
from collections.abc import Callable
from typing import Any

from ..errors import SourceError
from .address import Address, parse_address
from .client import Client, MissingError, request
from .content import RemoteObject, find_object

_MAX_LISTED = 1_000_000


def expand(text: str, is_wanted: Callable[[str], bool], order: Callable[[str], Any]) -> list[RemoteObject]:
    """The objects that *text* stands for.

    Parameters
    ----------
    text
        Address of an object (taken whatever its name), of a prefix, or with a pattern in its key.
    is_wanted
        Whether an object of this name, found by listing, is meant.
    order
        Sort key of one part of a key.

    Raises
    ------
    SourceError
        There are none, or they cannot be read.
    """
    address = parse_address(text)
    if address.is_web:
        if not address.key or address.key.endswith("/"):
            raise SourceError("a web address names one file; folders of a web server cannot be listed")
        return [find_object(address)]
    if address.key and not address.key.endswith("/"):
        try:
            return [find_object(address)]
        except MissingError:
            if glob.has_magic(address.key):
                return _matching(address, is_wanted, order)
    found = _below(address, address.key.rstrip("/"), order)
    if not found:
        wholly = f"nothing lies below it in the bucket {address.place!r}"
        raise SourceError("there is no such object" if address.key[-1:] not in ("", "/") else wholly)
    wanted = [item for item in found if is_wanted(item.name)]
    if not wanted:
        raise SourceError("no video and no zip lies below it")
    return wanted


def _matching(
    address: Address, is_wanted: Callable[[str], bool], order: Callable[[str], Any]
) -> list[RemoteObject]:
    literal = re.split(r"[*?\[]", address.key, maxsplit=1)[0].rpartition("/")[0]
    pattern = re.compile(_regex(address.key))
    found = [item for item in _below(address, literal, order) if pattern.fullmatch(item.address.key)]
    wanted = [item for item in found if is_wanted(item.name)]
    if not wanted:
        raise SourceError("the pattern matches no video and no zip")
    return wanted


def _regex(pattern: str) -> str:
    """Of the keys that a glob pattern matches, and of those below them; ``**`` crosses slashes."""
    parts = []
    for token in re.findall(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]|.", pattern, re.DOTALL):
        if token in ("**/", "**", "*", "?"):
            parts.append({"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}[token])
        elif len(token) > 2 and token[0] == "[":
            inner = token[1:-1].replace("\\", r"\\")
            parts.append(f"[{'^' + inner[1:] if inner[0] == '!' else inner.replace('^', r'^')}]")
        else:
            parts.append(re.escape(token))
    return f"(?s:{''.join(parts)}(?:/.*)?)"


def _below(address: Address, prefix: str, order: Callable[[str], Any]) -> list[RemoteObject]:
    """Objects below *prefix*, files before folders, without hidden ones and stores, as in a folder on disk."""

    def read(obs: Any, client: Client, _: str) -> list[Any]:
        found: list[Any] = []
        for some in obs.list(client, prefix=prefix or None):
            found += some
            if len(found) > _MAX_LISTED:
                raise SourceError(f"more than {_MAX_LISTED} objects lie below it; give a longer prefix")
        return found

    start = len(prefix) + 1 if prefix else 0
    keyed = []
    for meta in request(address, read):
        parts = meta["path"][start:].split("/")
        if any(p.startswith(".") or p.endswith(".zarr") for p in parts[:-1]) or parts[-1][:1] in ("", "."):
            continue
        key = [(1, order(p)) for p in parts[:-1]] + [(0, order(parts[-1]))]
        keyed.append((key, meta["path"], meta))
    keyed.sort(key=lambda item: item[:2])
    return [RemoteObject(address.with_key(path), meta) for _, path, meta in keyed]
