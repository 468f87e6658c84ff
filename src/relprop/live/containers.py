"""Whether a video file is as long as it says: what was cut off can be read up to there, and FFmpeg does not tell."""

from pathlib import Path

_EBML, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"  # of Matroska and WebM


def missing_bytes(path: Path) -> int:
    """How many bytes the file lacks by what its container says; 0 if it is whole, or says nothing.

    Of MP4 and MOV (ISO/IEC 14496-12, boxes), AVI (RIFF, chunks) and Matroska and WebM (RFC 8794, EBML elements).
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4096)
        if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
            end = 0
            while end + 8 <= size:
                file.seek(end)
                length = _box_length(file.read(16), size - end)
                if length < 8:  # no box: something else follows, which players ignore
                    return 0
                end += length
            return max(0, end - size)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return max(0, 8 + int.from_bytes(head[4:8], "little") - size)
    if head[:4] == _EBML:
        return max(0, _segment_end(head) - size)
    return 0


def _box_length(head: bytes, rest: int) -> int:
    """Bytes of the box that begins so; 0 stands for all of the rest, 1 for a length of 64 bits behind the name."""
    length = int.from_bytes(head[:4], "big")
    return {0: rest, 1: int.from_bytes(head[8:16], "big")}.get(length, length)


def _segment_end(head: bytes) -> int:
    """Where the segment ends that holds everything; 0 if it does not say."""
    length, start = _element_size(head, 4)
    begin = start + length
    if head[begin : begin + 4] != _SEGMENT:
        return 0
    length, start = _element_size(head, begin + 4)
    return start + length


def _element_size(head: bytes, at: int) -> tuple[int, int]:
    """The size that is written at `at`, and where what has it begins. The first bit that is set says how many bytes."""
    if at >= len(head) or head[at] == 0:
        return 0, at
    width = 9 - head[at].bit_length()
    value = int.from_bytes(head[at : at + width], "big") & ((1 << 7 * width) - 1)
    unknown = value == (1 << 7 * width) - 1  # of a stream that was still growing
    return (0 if unknown else value), at + width
