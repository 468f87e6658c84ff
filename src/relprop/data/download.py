"""Download an archive, from where an earlier attempt stopped, check it, and unpack it whole or not at all.

torchvision's own download starts anew each time and leaves a file cut short under the name of a whole one.
"""

import errno
import fcntl
import hashlib
import logging
import os
import re
import shutil
import ssl
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse
from io import FileIO
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from relprop.errors import UserError
from relprop.rows import FULL

log = logging.getLogger(__name__)

PAUSES = (0, 1, 5, 20, 60)  # seconds before each further attempt, counted anew whenever something has come
SILENCE = 60  # seconds without a byte after which a connection counts as lost
_CHUNK = 1 << 20
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)
_NETWORK = (URLError, ConnectionError, TimeoutError, HTTPException, ssl.SSLError)


def fetch_archive(url: str, md5: str, folder: Path) -> None:
    """Make `folder`, unless it is there, from the tar archive at `url`, which must hold a folder of that name.

    What else the archive holds is left out. An archive that lies beside `folder` already, put there by hand, is taken
    instead and stays. Of several processes one downloads and the others wait. A process that is killed, at any point,
    leaves no `folder`, and the next call goes on where it stopped. `md5` is the archive's checksum, in hexadecimal.

    Raises `UserError` if there is no network or no space, if `url` gives another file, or if the archive is unsafe.
    """
    if folder.exists():
        return
    archive = folder.parent / PurePosixPath(urlsplit(url).path).name
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _held(archive.with_name(f"{archive.name}.part")) as part:
            if not folder.exists():  # else made by the process that was waited for
                if archive.exists():
                    _unpack_given(archive, md5, folder)
                else:
                    _download(url, md5, part)
                    _unpack(part, folder)
            part.truncate(0)
    except (OSError, tarfile.TarError) as error:
        reason = " ".join(str(error.reason if type(error) is URLError else error).split())
        remedy = _remedy(error, archive)
        raise UserError(f"{folder} is missing, and could not be made from {url} ({reason}); {remedy}.") from error


def _remedy(error: Exception, archive: Path) -> str:
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL:
        return "free some space and start again, or give another data_dir"
    if number in _READ_ONLY:
        return "give a data_dir that may be written to"
    return f"start again to go on, or get that archive elsewhere and put it at {archive}"


@contextmanager
def _held(path: Path) -> Iterator[FileIO]:
    """The file, made if need be, while no other process has it; left empty it is deleted.

    All goes through this one opening, since closing another would give the lock away.
    """
    while True:
        with FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+") as file:
            _lock(file, path)
            if not _is_at(path, file):
                continue  # deleted by the process that was waited for
            try:
                yield file
            finally:
                if _size(file) == 0:
                    path.unlink()
            return


def _is_at(path: Path, file: FileIO) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _lock(file: FileIO, path: Path) -> None:
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        log.info("waiting for the process that downloads %s", path)
        fcntl.lockf(file, fcntl.LOCK_EX)
    except OSError as error:
        log.warning("%s: %s; see to it that no other process downloads it too", path, error.strerror)


def _download(url: str, md5: str, part: FileIO) -> None:
    """Add to `part` what it lacks of the file at `url`, until the checksum is right."""
    resumed = _size(part) > 0
    _receive_all(url, part)
    if resumed and _md5(part) != md5:  # what was there may have been of another file
        part.truncate(0)
        _receive_all(url, part)
    if _md5(part) != md5:
        part.truncate(0)
        raise OSError(f"it is not the file with md5 {md5}")


def _receive_all(url: str, part: FileIO) -> None:
    """Add the rest of the file, over as many connections as it takes.

    A failure before anything has come is final: there is no network, or no such file.
    """
    log.info("downloading %s", url)
    pauses: Iterator[int] = iter(())
    with _progress() as progress:
        task = progress.add_task(f"Downloading {PurePosixPath(url).name}", total=None)
        show = partial(progress.update, task)
        while True:
            before = _size(part)
            trouble: Exception = ConnectionError("the connection ended early")
            try:
                if _receive(url, part, show):
                    return
            except _NETWORK as error:
                trouble = error
            if _size(part) > before:
                pauses = iter(PAUSES)
            pause = next(pauses, None)
            if pause is None:
                raise trouble if isinstance(trouble, OSError) else ConnectionError(repr(trouble))
            time.sleep(pause)


def _receive(url: str, part: FileIO, show: Callable[..., None]) -> bool:
    """Add to `part` what one connection gives, beginning where the server says; whether that was all there is."""
    have = _size(part)
    request = Request(url, headers={"User-Agent": "relprop", **({"Range": f"bytes={have}-"} if have else {})})
    try:
        response: HTTPResponse = urlopen(request, timeout=SILENCE)
    except HTTPError as error:
        error.close()
        if have and error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return True  # nothing follows: it is whole, or another file, which the checksum tells
        raise
    with response:
        start = min(_start(response), have)
        total = None if response.length is None else start + response.length
        part.truncate(start)
        part.seek(start)
        while chunk := response.read(_CHUNK):
            _write(part, chunk)
            show(completed=part.tell(), total=total)
    return total is None or part.tell() >= total


def _start(response: HTTPResponse) -> int:
    """The position in the file of the first byte of the answer; 0 if the server knows no ranges."""
    if response.status != HTTPStatus.PARTIAL_CONTENT:
        return 0
    span = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(span[1]) if span else 0


def _write(file: FileIO, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[file.write(rest) :]


def _unpack_given(archive: Path, md5: str, folder: Path) -> None:
    with FileIO(archive) as file:
        if (found := _md5(file)) != md5:
            raise OSError(f"{archive} has the md5 {found} instead of {md5}; delete it")
        _unpack(file, folder)


def _unpack(archive: FileIO, folder: Path) -> None:
    """Make `folder` of the archive's folder of that name, at once when all of it lies beside.

    The filter refuses what would land elsewhere, links to elsewhere, and devices.
    """
    beside = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed
    archive.seek(0)
    try:
        with (
            _progress() as progress,
            progress.wrap_file(archive, _size(archive), description=f"Unpacking {folder.name}") as file,
            tarfile.open(fileobj=file, mode="r|*", bufsize=_CHUNK) as tar,  # read once, from beginning to end
        ):
            tar.extractall(beside, _within(folder.name, tar), filter="data")
        (beside / folder.name).rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _within(name: str, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for member in tar:
        if PurePosixPath(member.name).parts[:1] == (name,):
            yield member


def _md5(file: FileIO) -> str:
    file.seek(0)
    return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _size(file: FileIO) -> int:
    return os.fstat(file.fileno()).st_size


def _progress() -> Progress:
    """A bar on standard error, since standard output is for results."""
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(TextColumn("{task.description}"), *columns, console=Console(stderr=True))
