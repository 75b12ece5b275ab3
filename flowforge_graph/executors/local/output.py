"""What a command printed, kept within a limit: its beginning and its end."""

from __future__ import annotations

import codecs


class KeptOutput:
    """The first and the last ``limit / 2`` bytes of a stream, in memory of at most about twice the limit."""

    def __init__(self, limit: int) -> None:
        self._head_limit = limit - limit // 2
        self._tail_limit = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._tail_seen = 0

    def add(self, chunk: bytes) -> None:
        """Take the next ``chunk`` of the stream."""
        room = self._head_limit - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        self._tail_seen += max(0, len(chunk) - room)
        if len(self._tail) > 2 * self._tail_limit:
            del self._tail[: len(self._tail) - self._tail_limit]

    def text(self) -> str:
        """What is kept, as text that every database can hold; a line in its middle says how much was left out."""
        left_out = max(0, self._tail_seen - self._tail_limit)
        if not left_out:
            return _as_text(bytes(self._head + self._tail))
        head, tail = bytes(self._head), bytes(self._tail[len(self._tail) - self._tail_limit :])
        return f"{_as_text(_whole_beginning(head))}\n… {left_out:,} bytes left out …\n{_as_text(_whole_end(tail))}"


def _as_text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "\ufffd")


def _whole_beginning(data: bytes) -> bytes:
    """``data`` without the first bytes of a character that was cut at its end."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data)
    return data[: len(data) - len(decoder.getstate()[0])]


def _whole_end(data: bytes) -> bytes:
    """``data`` without the last bytes of a character that was cut at its beginning (at most three)."""
    cut = next((index for index, byte in enumerate(data[:3]) if byte & 0xC0 != 0x80), min(3, len(data)))
    return data[cut:]
