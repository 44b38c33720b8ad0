"""What must stand in nothing that is written or said: passwords, signatures, tokens.

An address may hold a user and a password, and a signature in what comes after its question mark.
Only what opens files ever has them; everybody else gets the address without.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from urllib.parse import quote, unquote, unquote_plus, urlsplit

from napari_rxrx3.core.forking import Lock

__all__ = ["has_secrets", "note_address", "public", "without_secrets"]

_USER = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_QUERY = re.compile(r"(\w+://[^\s?\"'<>]+)\?[^\s\"'<>)]*")
_SAID = (
    re.compile(
        r"((?:signature|credential|security-token|access_token|[?&]sig|[?&]token)=)[^&\s\"'<>)]+",
        re.IGNORECASE,
    ),
    re.compile(r"\b((?:Basic|Bearer)\s+)[\w+/=.~-]{8,}", re.IGNORECASE),
)
"""A server that says what it was asked may write it in another way than the address does."""
_LEAST, _LEAST_OF_VALUES = 6, 12
"""Letters; shorter ones stand in any text."""
_NO_USER = ("abfs://", "abfss://", "wasb://", "wasbs://")
"""What stands before the @ is a container."""
_SIGNED = re.compile(r"(?:signature|sig|token|password|key)=", re.IGNORECASE)
_ENVIRONMENT = (
    *("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN"),
    *("GOOGLE_API_KEY", "FSSPEC_S3_KEY", "FSSPEC_S3_SECRET", "RXRX3_ADDRESS"),
)
_MOST = 256

_lock = Lock()
_known: dict[str, None] = {}


def note_address(address: str) -> None:
    """Remember what of an address is secret: a server may say it again, in words of its own."""
    secrets = [secret for secret in _secrets_of(address) if len(secret) >= _LEAST]
    with _lock:
        for secret in secrets:
            _known.pop(secret, None)
            _known[secret] = None
        for old in list(_known)[:-_MOST]:
            del _known[old]


def has_secrets(address: str) -> bool:
    """Whether an address has a user, a password or something after a question mark."""
    return public(address) != address


def public(address: str) -> str:
    """The address without them; it still is one. A path is left as it is."""
    if "://" not in address:
        return address
    if not address.lower().startswith(_NO_USER):
        address = _USER.sub("", address, count=1)
    return address.partition("?")[0] if _may_be_signed(address) else address


def without_secrets(text: str) -> str:
    """Text with an ellipsis in the place of whatever of it is secret."""
    if "://" in text:
        text = _QUERY.sub(r"\1?…", _USER.sub("…@", text))
    for form in _SAID:
        text = form.sub(r"\1…", text)
    with _lock:
        known = list(_known)
    values = (os.environ.get(name, "") for name in _ENVIRONMENT)
    known += [value for value in values if len(value) >= _LEAST_OF_VALUES]
    for secret in sorted(known, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text


def _may_be_signed(address: str) -> bool:
    """A file in a bucket may have a question mark in its name."""
    is_web = address.lower().startswith(("http://", "https://"))
    return is_web or _SIGNED.search(address.partition("?")[2]) is not None


def _secrets_of(address: str) -> Iterator[str]:
    if "://" not in address:
        return
    login = _USER.search(address)
    if login is not None:
        user = login[0][:-1]
        yield user
        yield base64.b64encode(unquote(user).encode()).decode()
        for part in user.split(":")[1:] or [user]:
            yield from (part, unquote(part))
    if _may_be_signed(address):
        query = _query_of(address)
        yield query
        for part in query.split("&"):
            value = part.partition("=")[2]
            if (
                len(value) >= _LEAST_OF_VALUES
            ):  # 3600 or us-east-1 say nothing, and stand elsewhere, too
                plain = unquote(value)
                yield from (value, plain, unquote_plus(value), quote(plain), quote(plain, safe=""))


def _query_of(address: str) -> str:
    try:
        return urlsplit(address).query
    except ValueError:  # no address after all
        return address.partition("?")[2]
