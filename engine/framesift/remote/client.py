"""Requests to object stores and web servers: one client a place, bounded retries, errors as sentences."""

import functools
import os
import re
import time
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from ..errors import SourceError, UsageError
from .address import Address, is_loopback

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Client: TypeAlias = "ObjectStore"
T = TypeVar("T")

WAITS_S = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses between attempts that bring nothing; any progress begins anew. After the last the object is given up."""
_TIMEOUTS = {"connect_timeout": "10s", "read_timeout": "30s", "timeout": "300s"}


class TransientError(Exception):
    """What may go well when tried again; its text is a clause about the server."""


class ChangedError(SourceError):
    """The object is no longer the one that was found."""

    def __init__(self) -> None:
        super().__init__("it has changed while it was being read; run again")


class MissingError(SourceError):
    """There is no such object."""


def obstore() -> Any:
    """The module obstore.

    Raises
    ------
    UsageError
        It is not installed.
    """
    try:
        import obstore
    except ImportError:
        raise UsageError(
            "addresses such as s3://, gs:// and https:// need obstore: pip install 'framesift[s3]'"
        ) from None
    return obstore


def client_of(address: Address) -> tuple[Client, str]:
    """A client for the bucket or server of *address*, and the path of the object in it.

    Credentials, region and endpoint come from the environment as AWS and Google define them, else from AWS's
    shared files or from the machine's own role. ``AWS_SKIP_SIGNATURE=true`` reads public buckets.
    """
    obstore()
    if address.is_web:
        return _web_client(address.secret), ""
    settings = tuple(sorted((k, v) for k, v in os.environ.items() if k.startswith(("AWS_", "GOOGLE_"))))
    return _bucket_client(address.scheme, address.place, settings), address.key


@functools.lru_cache(maxsize=64)
def _web_client(url: str) -> Client:
    from obstore.store import HTTPStore

    # With allow_http=False, redirects must be to https:// too; at most ten are followed.
    return HTTPStore.from_url(url, client_options=_options(url), retry_config=_no_retries())


@functools.lru_cache(maxsize=64)
def _bucket_client(scheme: str, bucket: str, settings: tuple[tuple[str, str], ...]) -> Client:
    from obstore.store import GCSStore, S3Store

    try:
        if scheme == "gs":
            return GCSStore(bucket, client_options=_options(""), retry_config=_no_retries())
        known = dict(settings)
        endpoint = (
            known.get("AWS_ENDPOINT_URL_S3") or known.get("AWS_ENDPOINT_URL") or known.get("AWS_ENDPOINT")
        )
        config: Any = _shared_credentials(known)
        if endpoint:
            config["endpoint"] = endpoint
        return S3Store(
            bucket, config=config, client_options=_options(endpoint or ""), retry_config=_no_retries()
        )
    except Exception as e:  # an environment that makes no sense; its text may hold what is in it
        raise UsageError(
            f"the settings for {scheme}:// in the environment cannot be used ({type(e).__name__})"
        ) from None


def _options(endpoint: str) -> Any:
    allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
    return {**_TIMEOUTS, "allow_http": allowed or is_loopback(urlsplit(endpoint).hostname)}


def _no_retries() -> Any:
    """Retries are ours: obstore's do not tell progress from none."""
    return {"max_retries": 0, "retry_timeout": timedelta(seconds=300)}


def _shared_credentials(known: dict[str, str]) -> dict[str, str]:
    """Keys and region from ``~/.aws``, which obstore does not read, where the environment has no keys."""
    if "AWS_ACCESS_KEY_ID" in known:
        return {}
    profile = known.get("AWS_PROFILE", "default")
    found: dict[str, str] = {}
    import configparser

    for variable, name, section in (
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", profile),
        ("AWS_CONFIG_FILE", "config", profile if profile == "default" else f"profile {profile}"),
    ):
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read(known.get(variable) or Path.home() / ".aws" / name)
            found |= dict(parser[section])
        except (configparser.Error, KeyError, OSError, RuntimeError, UnicodeDecodeError):
            continue
    names = {
        "aws_access_key_id": "access_key_id",
        "aws_secret_access_key": "secret_access_key",
        "aws_session_token": "session_token",
        "region": "region",
    }
    return {ours: found[theirs] for theirs, ours in names.items() if found.get(theirs)}


# Errors -----------------------------------------------------------------------------------------------------------


def translate(error: Exception, address: Address) -> Exception:
    """What *error* of obstore means: a `TransientError`, or one sentence.

    None of its own text is passed on: it holds the whole address, with what is secret in it, and what the server
    cared to answer.
    """
    text = str(error)
    kind = type(error).__name__
    status = re.search(r"non-2xx status code: (\d{3})", text)
    if "NoSuchBucket" in text:
        return SourceError(f"there is no bucket {address.place!r}")
    if isinstance(error, FileNotFoundError):
        return MissingError("there is no such file" if address.is_web else "there is no such object")
    if kind in ("PermissionDeniedError", "UnauthenticatedError"):
        return SourceError(_denied(address))
    if kind == "PreconditionError":
        return ChangedError()
    if kind == "NotSupportedError" and "ange request" in text:
        return RangesUnsupportedError()
    if isinstance(error, ValueError):
        return SourceError("its key cannot be addressed: no empty parts, . or .. between slashes")
    return _of_status(int(status[1]), address) if status else _of_connection(text, address)


class RangesUnsupportedError(SourceError):
    """The server sends whole files only."""

    def __init__(self) -> None:
        super().__init__("its server sends whole files only, so it cannot be streamed; leave out --stream")


def _denied(address: Address) -> str:
    if address.is_web:
        return "access to it is denied: the address may need a signature, or that has expired"
    variables = "GOOGLE_…" if address.scheme == "gs" else "AWS_…"
    return f"access to it is denied; check the credentials ({variables} variables) and what they may read"


def _of_status(status: int, address: Address) -> Exception:
    if status in (408, 425, 429) or (status >= 500 and status != 501):
        return TransientError(f"its server answers {status}")
    if status in (404, 410):
        return MissingError("there is no such file" if address.is_web else "there is no such object")
    if status in (401, 403):
        return SourceError(_denied(address))
    if status == 412:
        return ChangedError()
    if 300 <= status < 400:
        return SourceError("its server redirects to where cannot be followed")
    return SourceError(f"its server refuses the request ({status})")


def _of_connection(text: str, address: Address) -> Exception:
    place = "its server" if not address.is_web else address.place
    if "kind: Redirect" in text or "BadScheme" in text:
        return SourceError("its server redirects in a circle, or to an address that is not https://")
    if "ertificate" in text:
        return SourceError(f"the certificate of {place} is not to be trusted")
    if "169.254.169.254" in text or "169.254.170" in text or "metadata" in text:
        return SourceError(
            "no credentials were found; set AWS_ACCESS_KEY_ID and so on, or AWS_SKIP_SIGNATURE=true"
        )
    if "dns error" in text:
        return TransientError(f"the host {place} cannot be found")
    if re.search(r"kind: Connect\b", text):
        return TransientError(f"{place} cannot be reached")
    if "imed out" in text or "Timeout" in text or "TimedOut" in text:
        return TransientError(f"{place} does not answer in time")
    return TransientError(f"the connection to {place} breaks off")


class Retries:
    """Counts attempts that brought nothing, and pauses between them.

    The pauses double, shifted by up to a quarter that depends on the address: many readers of one server do not
    come back at the same moment.
    """

    def __init__(self, address: Address, is_stopped: Callable[[], bool] = lambda: False) -> None:
        self._shift = 1 + zlib.crc32(address.uri.encode(errors="surrogatepass")) % 256 / 1024
        self._is_stopped = is_stopped
        self._failed = 0

    def progressed(self) -> None:
        """Something came: begin to count anew."""
        self._failed = 0

    def failed(self, error: TransientError) -> None:
        """Pause before the next attempt.

        Raises
        ------
        SourceError
            That was the last.
        """
        if self._failed >= len(WAITS_S):
            raise SourceError(f"{error}, {self._failed + 1} times in a row") from None
        until = time.monotonic() + WAITS_S[self._failed] * self._shift
        self._failed += 1
        while (left := until - time.monotonic()) > 0 and not self._is_stopped():
            time.sleep(min(left, 0.1))
        if self._is_stopped():
            raise SourceError("stopped")


def request(
    address: Address,
    call: Callable[[Any, Client, str], T],
    is_stopped: Callable[[], bool] = lambda: False,
) -> T:
    """``call(obstore, client, path)``, tried again while its error may pass and nobody says to stop.

    Raises
    ------
    SourceError
        It does not pass.
    UsageError
        obstore is not installed, or its settings make no sense.
    """
    retries = Retries(address, is_stopped)
    while True:
        try:
            return attempt(address, call)
        except TransientError as e:
            retries.failed(e)


def attempt(address: Address, call: Callable[[Any, Client, str], T]) -> T:
    """``call(obstore, client, path)``, once; its errors translated."""
    client, path = client_of(address)
    try:
        return call(obstore(), client, path)
    except (SourceError, UsageError, TransientError):
        raise
    except Exception as e:  # obstore's errors, and built-in ones that it raises
        if type(e).__name__ in ("AlreadyExistsError",):
            raise
        raise translate(e, address) from None
