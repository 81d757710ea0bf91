"""Pull model files from the Hugging Face hub, or from what `HF_ENDPOINT` names; a broken pull goes on where it was.

huggingface_hub's own download starts anew in each process, so the pieces are put together here: its client lists the
repository and its `http_get` fetches bytes, retries and shows the progress, into a partial file that outlives the
process (`inference/arriving.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import httpx2
from huggingface_hub import HfApi, constants, hf_hub_url
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, OfflineModeIsEnabled, RepositoryNotFoundError
from huggingface_hub.file_download import get_hf_file_metadata, http_get
from huggingface_hub.utils import (  # type: ignore[attr-defined]  # exported, not listed
    build_hf_headers,
    http_stream_backoff,
)

from inference.arriving import bring
from inference.base import ModelError
from inference.catalogue import Reference, nearest
from inference.gguf_file import GgufHeader, HeaderGoesOnError, read_start
from inference.pulled import Pulled, Record, parts, whole_name

_PATIENCE_SECONDS = 20.0
_FIRST_BYTES, _MOST_HEADER_BYTES = 1 << 23, 1 << 28
"""The header of a model with 150 000 tokens takes 6 MB."""


class HubError(ModelError):
    """The hub cannot be reached, has no such file, or sent something else than it announced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a repository holds at its newest commit."""

    repository: str
    revision: str
    files: Mapping[str, Record]
    """The model files, by name."""


def listing(repository: str, endpoint: str | None = None) -> Listing:
    """Ask the hub what model files a repository holds, with sizes and hashes.

    Raises:
        HubError: it cannot be reached, refuses, or has no such repository.
    """
    with _one_line(repository, endpoint):
        info = HfApi(endpoint=endpoint).model_info(repository, files_metadata=True, timeout=_PATIENCE_SECONDS)
        revision = info.sha or "main"
        found = [one for one in info.siblings or () if one.rfilename.lower().endswith(".gguf") and one.lfs]
        files = {
            one.rfilename: Record(
                repository=repository,
                file=one.rfilename,
                revision=revision,
                size=one.lfs.size,
                sha256=one.lfs.sha256,
            )
            for one in found
            if one.lfs
        }
    return Listing(repository=repository, revision=revision, files=files)


def wanted(ref: Reference, there: Listing) -> tuple[Record, ...]:
    """Return the record of a file, or of all parts where the hub keeps the model in several.

    Raises:
        HubError: the repository has no such file; the message names the nearest.
    """
    match = [name for name in there.files if whole_name(name).lower() == whole_name(ref.file).lower()]
    if not match:
        if not there.files:
            raise HubError(f"{ref.repository} holds no GGUF file: pick another repository")
        near = nearest(ref.file, map(whole_name, there.files))
        raise HubError(f"{ref.repository} holds no {ref.file}; the nearest is {ref.repository}/{near}")
    names = [path.as_posix() for path in parts(Path(min(match)))]
    if missing := [name for name in names if name not in there.files]:
        raise HubError(f"{ref.repository} lacks a part of the model, {missing[0]}: pick another file")
    return tuple(there.files[name] for name in names)


def header_there(records: Sequence[Record], *, endpoint: str | None = None) -> GgufHeader:
    """Return the header of a model on the hub, with the tensors of all its files; nothing else of it is fetched.

    Raises:
        HubError: the hub fails, or sends no header.
        BrokenModelFileError: the header is damaged.
    """
    first, *others = [_header_of(record, endpoint) for record in records]
    tensors = dict(first.tensors)
    for other in others:
        tensors |= other.tensors
    return replace(first, tensors=tensors)


def _header_of(record: Record, endpoint: str | None) -> GgufHeader:
    start = b""
    while len(start) < min(record.size, _MOST_HEADER_BYTES):
        wanted = min(record.size, max(_FIRST_BYTES, 2 * len(start)))
        with _one_line(record.repository, endpoint):
            start += _bytes_of(record, len(start), wanted, endpoint)
        if len(start) < wanted:
            break
        try:
            return read_start(record.file, start, record.size)
        except HeaderGoesOnError:
            continue
    raise HubError(f"the hub sends no whole header of {record.file}: pull it, or pick another file")


def _bytes_of(record: Record, begin: int, end: int, endpoint: str | None) -> bytes:
    """Fetch a range of a file; a hub that sends all of it, whatever is asked, is read no further than that."""
    url = hf_hub_url(record.repository, record.file, revision=record.revision, endpoint=endpoint)
    headers = build_hf_headers(library_name="atlas") | {"Range": f"bytes={begin}-{end - 1}"}
    found = bytearray()
    with http_stream_backoff(
        "GET", url, headers=headers, follow_redirects=True, timeout=_PATIENCE_SECONDS, max_retries=1
    ) as answer:
        answer.raise_for_status()
        skipped = 0 if answer.status_code == httpx2.codes.PARTIAL_CONTENT else begin
        for piece in answer.iter_bytes():
            found += piece
            if len(found) >= skipped + end - begin:
                break
    return bytes(found[skipped : skipped + end - begin])


def pull(
    record: Record,
    folder: Path,
    *,
    endpoint: str | None = None,
    on_check: Callable[[int], None] | None = None,
) -> Pulled:
    """Bring a file of the hub into the models folder, or find it there.

    Args:
        record: what the hub says of the file.
        folder: the models folder.
        endpoint: the hub, when it is not what the environment says.
        on_check: called with the bytes of each piece that was hashed.

    Raises:
        HubError: the hub fails; what arrived stays for the next pull.
        DamagedFileError: the bytes are not what it announced.
        ModelError: the disk is full or the folder cannot be written.
    """
    return bring(record, folder, lambda file: fetch(file, record, endpoint), on_check=on_check)


def confirm(record: Record, endpoint: str | None = None) -> None:
    """Ask the hub whether it has this very file, before anything of it is fetched.

    Raises:
        HubError: it cannot be reached, has no such file, or answers with something else, such as a login page.
    """
    url = hf_hub_url(record.repository, record.file, revision=record.revision, endpoint=endpoint)
    with _one_line(record.repository, endpoint):
        there = get_hf_file_metadata(url, timeout=_PATIENCE_SECONDS, library_name="atlas")
    if (there.size, there.etag) != (record.size, record.sha256):
        raise HubError(
            f"{endpoint or constants.ENDPOINT} answers with something else than {record.file}, such as a login page: "
            "check the network and HF_ENDPOINT"
        )


def fetch(file: BinaryIO, record: Record, endpoint: str | None = None) -> None:
    """Append what is missing of a file to a partial one.

    Raises:
        HubError: the hub fails, or sends less than it announced.
    """
    if record.size > constants.MAX_HTTP_DOWNLOAD_SIZE:
        raise HubError(f"{record.file} is too large for a plain download: pick one that comes in parts")
    with _one_line(record.repository, endpoint), _whole():
        http_get(
            hf_hub_url(record.repository, record.file, revision=record.revision, endpoint=endpoint),
            file,
            resume_size=file.tell(),
            headers=build_hf_headers(library_name="atlas"),
            expected_size=record.size,
            displayed_filename=Path(record.file).name,
        )


@contextmanager
def _whole() -> Iterator[None]:
    """Tell a file that arrived short, of which the client makes an OSError without a number, from a full disk."""
    try:
        yield
    except OSError as error:
        if "Consistency check failed" not in str(error):
            raise
        raise HubError(
            "the hub sent another number of bytes than it announced: pull again, which goes on where it was"
        ) from error


@contextmanager
def _one_line(repository: str, endpoint: str | None) -> Iterator[None]:
    """Turn what the hub's client raises into one line that says what to do."""
    hub = endpoint or constants.ENDPOINT
    try:
        yield
    except GatedRepoError as error:
        raise HubError(f"{repository} wants its terms accepted at {hub}: do so, then set HF_TOKEN") from error
    except RepositoryNotFoundError as error:
        raise HubError(
            f"{hub} has no repository {repository}, or it is private: check the name, or set HF_TOKEN"
        ) from error
    except HfHubHTTPError as error:
        raise HubError(f"{hub} answers HTTP {error.response.status_code} for {repository}: try again later") from error
    except OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE is set: unset it to pull, or give the path of a file with --model") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise HubError(
            f"{hub} cannot be reached ({error or type(error).__name__}): check the network and pull again, which goes "
            "on where it was, or give the path of a file with --model"
        ) from error
    except OSError as error:
        raise ModelError(f"the model cannot be stored ({error}): check the disk and the folder") from error
    except (ValueError, KeyError, TypeError) as error:
        raise HubError(f"{hub} answers no listing of {repository} ({error}): is HF_ENDPOINT a hub?") from error
