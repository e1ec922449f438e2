"""The output of one stream of an execution: what came and was not read yet.

The library sends one window and then waits for credit. Every byte that comes is kept here until somebody reads it, and
its credit goes back when it leaves; while a collector waits for the end (`collecting`), credit goes back at once, so
that the process can run on. A collector keeps `limit` bytes: beyond that the first and the last half.

No C and no waiting in here. The owner guards it with a lock, and gives back what `credit` answers.
"""

from __future__ import annotations

import collections

# Credit goes back in portions: a call into the library for every short line would cost more than the line.
_PORTION = 32 * 1024


class Output:
    """Bytes in order, read as lines or as they come."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._head = bytearray()
        self._tail: collections.deque[bytes] = collections.deque()
        self._tail_size = 0
        self._searched = 0  # no line end before this place of _head
        self._held = 0  # so many bytes, the last that came, have not had their credit given back
        self._owed = 0  # bytes that left, whose credit was not given back yet
        self.dropped = 0  # bytes between _head and _tail
        self.ended = False

    def __len__(self) -> int:
        return len(self._head) + self._tail_size

    @property
    def cut(self) -> bool:
        """The next read would jump over dropped bytes."""
        return self.dropped > 0 and not self._head

    # ---- what comes

    def feed(self, data: bytes) -> None:
        """Bytes that came."""
        if self._tail:
            self._tail.append(data)
            self._tail_size += len(data)
        else:
            self._head += data
        self._held += len(data)

    def collect(self, may_drop: bool) -> None:
        """Gives the credit of everything back; beyond the limit only where `may_drop`, which then drops the middle."""
        if len(self) > self._limit:
            if not may_drop:
                return
            self._shorten()
        self._give(self._held)

    def discard(self) -> None:
        """Forgets what is there; for output that nobody can read any more."""
        self._give(self._held)
        self._head.clear()
        self._tail.clear()
        self._tail_size = self._searched = self.dropped = 0

    def _shorten(self) -> None:
        half = self._limit // 2
        if not self._tail:  # what comes from now on goes to the tail
            excess = bytes(self._head[half:])
            del self._head[half:]
            self._searched = min(self._searched, half)
            self._tail.append(excess)
            self._tail_size = len(excess)
        while self._tail_size > half:
            surplus = self._tail_size - half
            first = self._tail.popleft()
            if len(first) > surplus:
                self._tail.appendleft(first[surplus:])
            gone = min(len(first), surplus)
            self._tail_size -= gone
            self.dropped += gone

    # ---- what is read

    def line(self) -> bytes | None:
        """The next line with its end; the rest without one at the end of the stream; None where more must come.

        A line that is longer than the limit comes in pieces, so that memory stays bounded.
        """
        self._fill()
        found = self._head.find(b"\n", self._searched)
        if found >= 0:
            return self._take(found + 1)
        if self._head and (self.dropped or (self.ended and not self._tail)):
            return self._take(len(self._head))
        if len(self._head) >= self._limit:
            return self._take(_whole_characters(self._head))
        self._searched = len(self._head)
        self._give(self._held)  # the line's end is still behind the window
        return None

    def chunk(self, most: int) -> bytes | None:
        """What is there, at most so many bytes; None where more must come."""
        self._fill()
        return self._take(min(len(self._head), most)) if self._head else None

    def skip_gap(self) -> int:
        """Passes the dropped bytes; answers how many they were."""
        dropped, self.dropped = self.dropped, 0
        self._fill()
        return dropped

    def everything(self) -> bytes:
        """What was not read yet; it stays."""
        return bytes(self._head) + b"".join(self._tail)

    def credit(self) -> int:
        """How many bytes to give back to the library now; they count as given."""
        if self._owed >= _PORTION or not self._held:
            owed, self._owed = self._owed, 0
            return owed
        return 0

    def _fill(self) -> None:
        if self._tail and not self.dropped:
            self._head += b"".join(self._tail)
            self._tail.clear()
            self._tail_size = 0

    def _take(self, size: int) -> bytes:
        taken = bytes(self._head[:size])
        del self._head[:size]
        self._searched = 0
        self._give(max(0, self._held - len(self)))
        return taken

    def _give(self, size: int) -> None:
        size = min(size, self._held)
        self._held -= size
        self._owed += size


def _whole_characters(data: bytearray) -> int:
    """How many bytes of `data` do not cut a UTF-8 character at the end, at least one."""
    end = len(data)
    for back in range(1, min(4, end)):
        if data[end - back] & 0xC0 != 0x80:
            return end - back if data[end - back] >= 0xC0 else end
    return end
