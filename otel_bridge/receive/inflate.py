"""Content encodings of a request, decompressed with a cap that holds while it is done."""

import zlib

from otel_bridge.model import Malformed, TooLarge, Unsupported

SUPPORTED = "gzip, deflate, identity"

_FIRST_STEP = 1024**2
_GZIP, _ZLIB, _RAW = 31, 15, -15
_IDENTITY = {"", "identity"}
_WINDOWS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """The body as it was before `encoding`, at most `limit` bytes of it.

    Raises:
        Unsupported: an encoding that is not one of SUPPORTED.
        TooLarge: more than `limit` bytes come out; no more than that was ever held.
        Malformed: the body is not in this encoding, or is cut off.
    """
    check_encoding(encoding)
    if encoding in _IDENTITY or not body:
        return check_size(body, limit)
    window = _WINDOWS[encoding]
    if window == _ZLIB and not _has_zlib_header(body):
        window = _RAW
    try:
        return _members(body, window, limit)
    except zlib.error as error:
        raise Malformed(f"the body is not {encoding}: {error}; check what the exporter sends") from None


def check_encoding(encoding: str) -> None:
    """Look at the name only.

    Raises:
        Unsupported: an encoding that is not one of SUPPORTED.
    """
    if encoding not in _IDENTITY and encoding not in _WINDOWS:
        raise Unsupported(f"content encoding {encoding[:40]!r} is not served; use one of {SUPPORTED}", 415)


def check_size(body: bytes, limit: int) -> bytes:
    """The body, if it is not over the limit.

    Raises:
        TooLarge: it is.
    """
    if len(body) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> TooLarge:
    """The refusal of a request over the limit."""
    return TooLarge(
        f"the request is larger than {limit} bytes after decompression; "
        "send smaller batches or raise receive.max_request"
    )


def _has_zlib_header(body: bytes) -> bool:
    """RFC 9110 wants zlib's format for deflate; some clients send the bare stream."""
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0


def _members(body: bytes, window: int, limit: int) -> bytes:
    """All members of the body, one after the other; zeros after the last one are padding."""
    pieces: list[bytes] = []
    while body:
        stream = zlib.decompressobj(window)
        limit -= _member(stream, body, limit, pieces)
        body = stream.unused_data.lstrip(b"\x00") if window == _GZIP else b""
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _member(stream: "zlib._Decompress", body: bytes, limit: int, pieces: list[bytes]) -> int:
    size, step = 0, _FIRST_STEP
    while not stream.eof:
        piece = stream.decompress(body, min(step, limit - size + 1))
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
        body, step = stream.unconsumed_tail, step * 2
        if not (piece or body or stream.eof):
            raise zlib.error("it is cut off")
    return size
