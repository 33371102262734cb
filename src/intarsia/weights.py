"""Weights: fetched once, verified always, and read as tensors only.

Files of strangers are taken by their content, never by their name, and nothing in them is ever run. A download ends
either as a whole file with the right sha256 under its final name, or as a `.part` beside it, for the next try to go on
with.
"""

import hashlib
import http.client
import ipaddress
import json
import os
import pickle
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from filelock import FileLock
from platformdirs import user_cache_path
from safetensors.torch import load_file
from torch import Tensor

from intarsia.errors import WeightsError

MAX_BYTES = 2 * 1024**3  # no weights of ours come near it
BLOCK = 64 * 1024
TIMEOUT = 30.0  # seconds without a byte
PAUSES = (0.5, 1.0, 2.0, 4.0)  # seconds before each new try; a try that brings the file on starts the count again

ZIP = b"PK\x03\x04"  # how torch.save writes since 1.6
LEGACY = pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2)  # and before: both public VGG-19 files are of this kind


@dataclass(frozen=True)
class Source:
    """One row of a manifest. name: the file's name in the cache; sha256: all of it, or at least its first 8 digits;
    size: in bytes, if known."""

    name: str
    url: str
    sha256: str
    size: int | None = None


Progress = Callable[[int, int | None], None]


# ---- fetching ----------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """INTARSIA_CACHE, or the platform's own place for caches."""
    chosen = os.environ.get("INTARSIA_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("intarsia", appauthor=False)


def fetch(source: Source, on_progress: Progress | None = None) -> Path:
    """The verified file in the cache; downloaded first if it is not there.

    on_progress(bytes so far, bytes in all or None) never goes back, and ends at the total. The full sha256 is written
    to `NAME.json` beside the file at its first use and held against it from then on. INTARSIA_OFFLINE=1 opens no
    socket. Raises WeightsError."""
    path = cache_folder() / source.name
    if path.exists():
        return _verified(path, source)
    _allow(source.url)
    if os.environ.get("INTARSIA_OFFLINE", "0") not in ("", "0"):
        raise WeightsError(
            f"{source.name} is not in the cache, and INTARSIA_OFFLINE forbids a download. {_by_hand(source, path)}"
        )
    lock = FileLock(f"{path}.lock")
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    try:
        if not path.exists():  # another process may have been faster
            _download(source, path, _forward_only(on_progress))
        return _verified(path, source)
    finally:
        lock.release()


def verify(path: Path, sha256: str) -> None:
    """Raises WeightsError, with both sums, unless the file's sha256 is (or begins with) the one given."""
    _compare(path, file_sum(path), sha256)


def _verified(path: Path, source: Source) -> Path:
    record = path.with_name(f"{path.name}.json")
    found, known = file_sum(path), _read_note(record).get("sha256")
    _compare(path, found, source.sha256)
    if isinstance(known, str) and known.startswith(source.sha256.lower()):
        _compare(path, found, known)
    else:
        with suppress(OSError):  # a cache that is shared and read-only is no fault
            _write_note(record, {"sha256": found, "url": source.url, "bytes": path.stat().st_size})
    return path


def file_sum(path: Path) -> str:
    """The file's sha256 in hexadecimal. Raises WeightsError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from None


def _compare(path: Path, found: str, wanted: str) -> None:
    if not re.fullmatch("[0-9a-fA-F]{8,64}", wanted):
        raise WeightsError(f"{path}: '{wanted}' is no sha256 to check it against (8 to 64 hexadecimal digits).")
    if not found.startswith(wanted.lower()):
        begins = "" if len(wanted) == 64 else "one that begins with "
        raise WeightsError(
            f"{path} is not what it should be: its sha256 is {found}, expected {begins}{wanted}. "
            "Delete the file and fetch it anew."
        )


def _by_hand(source: Source, path: Path) -> str:
    return f"Put the file from {source.url} at {path} yourself, or use the compact encoder, which needs no download."


def _forward_only(on_progress: Progress | None) -> Progress:
    """A download that has to start again keeps silent until it is further than before."""
    furthest = 0

    def report(done: int, total: int | None) -> None:
        nonlocal furthest
        if on_progress and done >= furthest:
            furthest = done
            on_progress(done, total)

    return report


# ---- one download ------------------------------------------------------------------------------------------------


class _Dropped(Exception):
    """A try that failed for a reason that may pass. reached: the server was there."""

    def __init__(self, reason: str, reached: bool = True):
        super().__init__(reason)
        self.reached = reached


def _download(source: Source, path: Path, report: Progress) -> None:
    """Try until the file is whole; tries that bring it no further are counted, and end it."""
    part = path.with_name(f"{path.name}.part")
    reached, failures, furthest = False, 0, _size(part)
    while True:
        try:
            found = _receive(source, part, report)
            break
        except _Dropped as dropped:
            reached, failures = reached or dropped.reached, failures + 1
            if _size(part) >= furthest + BLOCK:
                furthest, failures = _size(part), 1
            if not reached or failures > len(PAUSES):
                raise WeightsError(
                    f"{source.name} could not be downloaded: {dropped}. {_by_hand(source, path)}"
                ) from None
            time.sleep(PAUSES[failures - 1])
    try:
        _compare(path, found, source.sha256)
    except WeightsError:
        _discard(part)
        raise WeightsError(
            f"the download of {source.name} is not what it should be: its sha256 is {found}, expected {source.sha256}. "
            f"It was thrown away. {_by_hand(source, path)}"
        ) from None
    with _writing(path):
        os.replace(part, path)
        _discard(part)


def _receive(source: Source, part: Path, report: Progress) -> str:
    """Ask once for what `part` still lacks, append it, and return the sha256 of the whole."""
    note = _read_note(_note(part))
    have = _size(part) if note.get("url") == source.url else 0
    response, have, total = _ask(source, have, note)
    with response:
        with _writing(part):
            file = part.open("r+b" if have else "w+b")
            _write_note(_note(part), {"url": source.url, "total": total, "validator": _validator(response.headers)})
        with file:
            digest = hashlib.file_digest(file, "sha256")
            for block in _blocks(response, MAX_BYTES if total is None else total - have):
                with _writing(part):
                    file.write(block)
                digest.update(block)
                have += len(block)
                report(have, total)
            with _writing(part):
                file.flush()
                os.fsync(file.fileno())
    if total is not None and have < total:
        raise _Dropped(f"the connection ended after {have} of {total} bytes")
    report(have, have)
    return digest.hexdigest()


def _ask(source: Source, have: int, note: Mapping[str, Any]) -> tuple[Any, int, int | None]:
    """A response, the byte that it begins at (`have`, or 0 if it is another file now), and the size of the whole."""
    headers = {"User-Agent": "intarsia", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if note.get("validator"):
            headers["If-Range"] = note["validator"]
    try:
        response = _opener().open(urllib.request.Request(source.url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and have:  # nothing left to send: the part is whole, or it is of no use
            whole = error.headers.get("Content-Range") == f"bytes */{have}"
            return (error, have, have) if whole else _ask(source, 0, {})
        error.close()
        answer = f"the server answered {error.code} {error.reason}"
        if error.code in (408, 429) or error.code >= 500:
            raise _Dropped(answer) from None
        raise WeightsError(
            f"{source.name} could not be downloaded: {answer}. {_by_hand(source, cache_folder() / source.name)}"
        ) from None
    except urllib.error.URLError as error:
        raise _Dropped(f"{urlsplit(source.url).hostname} cannot be reached ({error.reason})", reached=False) from None
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(f"the server broke off ({error})") from None

    length = response.headers.get("Content-Length", "")
    start, total = 0, int(length) if length.isdecimal() else None
    if response.status == 206:
        parts = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        same = parts and int(parts[1]) == have and _validator(response.headers) in (None, note.get("validator"))
        if not parts or not same:
            response.close()
            if have:
                return _ask(source, 0, {})
            raise WeightsError(f"{source.name} could not be downloaded: the server sends a part that nobody asked for.")
        start, total = have, int(parts[2])
    expected = source.size or total
    if total is not None and (total != expected or total > MAX_BYTES):
        response.close()
        raise WeightsError(
            f"{source.name} could not be downloaded: the server offers {total} bytes, "
            f"expected {source.size or f'at most {MAX_BYTES}'}. {_by_hand(source, cache_folder() / source.name)}"
        )
    return response, start, total


def _blocks(response: Any, count: int) -> Iterator[bytes]:
    """The body, up to `count` bytes: what comes after them was not announced."""
    while count > 0:
        try:
            block = response.read1(min(BLOCK, count))
        except (OSError, http.client.HTTPException) as error:
            raise _Dropped(f"the connection broke ({error})") from None
        if not block:
            return
        count -= len(block)
        yield block


def _validator(headers: Message) -> str | None:
    """What If-Range may hold: a strong ETag, else the date."""
    etag = headers.get("ETag")
    return etag if etag and not etag.startswith("W/") else headers.get("Last-Modified")


# ---- where a download may go -------------------------------------------------------------------------------------


def _allow(url: str) -> None:
    """https to anywhere; plain http to this machine alone."""
    parts = urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise WeightsError(f"{url} is refused: weights come over https only (plain http from this machine alone).")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _allow(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Proxies(urllib.request.ProxyHandler):
    """The environment's proxies, but never on the way to this machine: a proxy would carry plain http outside."""

    def proxy_open(self, req, proxy, type):
        return None if _is_loopback(urlsplit(req.full_url).hostname or "") else super().proxy_open(req, proxy, type)


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Redirects, _Proxies)


# ---- small files beside the big one ------------------------------------------------------------------------------


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _read_note(path: Path) -> dict[str, Any]:
    try:
        note = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def _write_note(path: Path, note: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(note, indent=1) + "\n", encoding="utf-8")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WeightsError(
            f"{path} cannot be written: {error.strerror}. Make room, or name another folder in INTARSIA_CACHE."
        ) from None


# ---- reading -----------------------------------------------------------------------------------------------------


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file or of a PyTorch checkpoint, told apart by content; nothing else is read.

    Checkpoints go through `weights_only=True` alone, so a file that would run a program is refused instead. Raises
    WeightsError for that, for broken files and for anything but a flat dict of dense tensors."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror}.") from None
    try:
        if head.startswith((ZIP, LEGACY)):
            with path.open("rb") as file:  # given a path, torch would go by its suffix
                found = torch.load(file, map_location="cpu", weights_only=True)
        elif head[8:9] == b"{" and 8 + int.from_bytes(head[:8], "little") <= size:
            found = load_file(path)
        else:
            raise WeightsError(
                f"{path} is neither a safetensors file nor a PyTorch checkpoint ({size} bytes, beginning with "
                f"{head[:8]!r}). Is it whole, and is it the right file?"
            )
    except pickle.UnpicklingError:
        raise WeightsError(
            f"{path} holds more than tensors, and that could be a program: nothing of it was loaded. "
            "Save the state dict alone, best as safetensors."
        ) from None
    except (WeightsError, MemoryError):
        raise
    except Exception as error:  # torch.load and safetensors raise nearly anything on a broken file
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise WeightsError(f"{path} is broken or cut off ({reason}). Fetch it anew.") from None
    if not isinstance(found, dict) or not all(isinstance(name, str) and _is_plain(t) for name, t in found.items()):
        raise WeightsError(f"{path} is not a flat dict of dense tensors. Save the network's state dict alone.")
    swollen = [name for name, tensor in found.items() if tensor.nbytes > size]
    if swollen:
        raise WeightsError(f"{path}: {swollen[0]} claims more bytes than the file holds ({size}). Fetch it anew.")
    return found


def _is_plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"


def check_tensors(tensors: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]], what: str) -> dict[str, Tensor]:
    """Just the tensors that `shapes` names, as fp32 copies; more than these may be there.

    what: begins the message of the WeightsError that lists names that are missing, other shapes, numbers that are not
    floating point, and numbers that are not finite in fp32."""
    checked, faults = {}, []
    for name, shape in shapes.items():
        tensor = tensors.get(name)
        if tensor is None:
            faults.append(f"{name} is missing")
        elif tuple(tensor.shape) != tuple(shape):
            faults.append(f"{name} has shape {tuple(tensor.shape)}, expected {tuple(shape)}")
        elif not tensor.is_floating_point():
            faults.append(f"{name} is {str(tensor.dtype).removeprefix('torch.')}, expected floating point")
        else:
            checked[name] = tensor.detach().to(torch.float32, copy=True)
            if not checked[name].isfinite().all():
                faults.append(f"{name} has values that are not finite")
    if faults:
        more = f"; and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise WeightsError(f"{what}: {'; '.join(faults[:5])}{more}. Is it the file of another network?")
    return checked
