"""Addresses of objects: ``s3://bucket/key``, ``gs://bucket/key``, ``https://host/path?query``."""

import ipaddress
import re
from pathlib import PurePosixPath
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from ..digest import blake2b
from ..errors import SourceError

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_SIGNATURE = (
    r"x-(amz|goog|ms|oss|cos)-.*|awsaccesskeyid|googleaccessid|ossaccesskeyid|signature|expires|policy|key-pair-id|"
    r"token|access_token|authorization|api_?key|password|secret"
)
"""Query parameters that grant access and do not say what is addressed."""
_AZURE = frozenset("sig se sp sv sr st skoid sktid skt ske sks skv spr sip ss srt".split())
"""The same, of Azure, where ``sig`` is among them."""
_KEPT_AS_DIGEST = r"=~[0-9a-f]{12}(&|$)"
_HARMLESS = frozenset("alt dl download format generation id raw v version versionid".split())
"""Query parameters whose values may be written down."""


class Address(NamedTuple):
    """Where an object is, or a prefix that objects lie below."""

    scheme: str
    """``"s3"``, ``"gs"``, ``"https"``, or ``"http"`` on this machine."""
    place: str
    """Bucket, or host and port."""
    key: str
    """Key in the bucket, not percent-encoded; of a web address its path, percent-encoded, without the first slash."""
    uri: str
    """The address as it may be written down: a web address without its fragment and without what is secret in its
    query, see `_public_query`. It is also what identifies the object."""
    secret: str = ""
    """Of a web address, all of it. In memory only."""

    def __repr__(self) -> str:
        return f"Address({self.uri!r})"  # without the secret

    @property
    def is_web(self) -> bool:
        """One file on a web server, rather than an object in a bucket."""
        return self.scheme in ("http", "https")

    @property
    def name(self) -> str:
        """Last part of the key, decoded."""
        last = self.key.rstrip("/").rsplit("/", 1)[-1]
        return (unquote(last) if self.is_web else last) or self.place

    @property
    def stem(self) -> str:
        """The name without its suffix, fit to be a file name."""
        return safe_stem(self.name)

    def with_key(self, key: str) -> "Address":
        """Another object of the same bucket."""
        assert not self.is_web
        return Address(
            scheme=self.scheme, place=self.place, key=key, uri=f"{self.scheme}://{self.place}/{key}"
        )


def is_uri(text: object) -> bool:
    """*text* looks like ``scheme://…`` and so is no path."""
    return isinstance(text, str) and _URI.match(text) is not None


def parse_address(text: str) -> Address:
    """Read an address.

    Raises
    ------
    SourceError
        Another scheme, credentials in the address, no bucket or host, or a query whose values were not kept.
    """
    scheme = text.split("://", 1)[0].lower()
    if scheme in ("s3", "gs"):
        place, _, key = text.split("://", 1)[1].partition("/")
        if not place or "@" in place:
            raise SourceError(f"no bucket in the address; expected {scheme}://BUCKET/KEY")
        uri = f"{scheme}://{place}/{key}"
        return Address(scheme=scheme, place=place, key=key, uri=uri)
    if scheme in ("http", "https"):
        return _web(text, scheme)
    raise SourceError(f"{scheme}:// is not read; expected a path, s3://, gs:// or https://")


def _web(text: str, scheme: str) -> Address:
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise SourceError("not an address; expected https://HOST/PATH") from None
    if not host:
        raise SourceError(f"no host in the address; expected {scheme}://HOST/PATH")
    if "@" in parts.netloc:
        raise SourceError("a user or a password in an address is not used; give a signed address instead")
    if scheme == "http" and not is_loopback(host):
        raise SourceError(
            "http:// is read from this machine only, since anyone on the way could change it; use https://"
        )
    if re.search(_KEPT_AS_DIGEST, parts.query):
        raise SourceError(
            "its query was secret and not kept; give the address again (export: --input, or inputs=)"
        )
    path = quote(parts.path, safe="/%:@!$&'()*+,;=~-._")
    query = _public_query(parts.query)
    place = parts.netloc.lower()
    uri = f"{scheme}://{place}{path or '/'}{'?' if query else ''}{query}"
    whole = f"{scheme}://{place}{path or '/'}{'?' if parts.query else ''}{parts.query}"
    return Address(scheme=scheme, place=place, key=path.lstrip("/"), uri=uri, secret=whole)


def _public_query(query: str) -> str:
    """What of a query may be written down: no signature, and of values that may be secret a digest.

    A digest still tells two addresses apart; signatures change from day to day and do not.
    """
    kept = []
    items = sorted(parse_qsl(query, keep_blank_values=True))
    is_azure = any(name == "sig" for name, _ in items)
    for name, value in items:
        if re.fullmatch(_SIGNATURE, name, re.IGNORECASE) or (is_azure and name in _AZURE):
            continue
        if value and name.lower() not in _HARMLESS:
            value = "~" + blake2b(value.encode(), digest_size=6).hexdigest()
        kept.append((name, value))
    return urlencode(kept, safe="~")


def is_loopback(host: str | None) -> bool:
    """*host* is this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


def safe_stem(name: str) -> str:
    """The stem of *name* as one file name: it becomes a folder of the export."""
    stem = PurePosixPath(re.sub(r"[/\\\0]", "_", name)).stem
    return stem if stem not in ("", ".", "..") else "source"
