"""Limits on connections that uvicorn does not have: how long a request may take to arrive and an answer to be taken.

uvicorn bounds neither, so one byte every few seconds would hold a connection for ever (slowloris).
"""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_SECONDS = 10.0  # for the first line and the headers of a request, from the connection or the last answer on
BODY_SECONDS = 30.0  # for what follows them
TAKE_SECONDS = 30.0  # for a caller to take an answer, and to notice that a connection ends
MOST_CONNECTIONS = 512  # most systems give a process 1,024 files
MOST_HEAD_BYTES = 1 << 16
IDLE = ("head", "ending")  # the phases in which a connection is given up for another
REASON = b"ccd-reason"  # the header that becomes the reason in the status line


class RefusedError(Exception):
    """A request that is not answered as it wishes: its HTTP status, and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status

    @property
    def reason(self) -> bytes:
        """Return what stands in the status line; Label Studio shows no more than that."""
        return re.sub(r"[^ -~]", "?", " ".join(str(self).split()))[:200].encode()

    @property
    def content(self) -> bytes:
        return json.dumps({"error": str(self)}).encode()


class _Parser(h11.Connection):
    """Keeps what was wrong with a request, takes the end of a connection as such, and writes reasons."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, MOST_HEAD_BYTES)
        self.refused = RefusedError(400, "the request is no HTTP")

    def next_event(self) -> Any:
        try:
            event = super().next_event()
        except h11.RemoteProtocolError as error:
            status, why = error.error_status_hint, str(error)
            if re.search("content-length|transfer-encoding", why, re.IGNORECASE):
                status, why = 411, "the request must say its length, once and in digits, and not come in chunks"
            self.refused = RefusedError(status if 400 <= status < 500 else 400, why)
            raise
        return h11.NEED_DATA if isinstance(event, h11.ConnectionClosed) else event

    def send(self, event: h11.Event) -> bytes | None:  # type: ignore[override]
        if isinstance(event, h11.Response):
            given = dict(event.headers)
            if reason := given.pop(REASON, b""):
                event = h11.Response(status_code=event.status_code, headers=list(given.items()), reason=reason)
        return super().send(event)


class Connection(H11Protocol):
    """One connection with a deadline for whatever it is at.

    Where MOST_CONNECTIONS are open, a new one takes the place of that which has waited longest without a complete head:
    so many slow callers lock nobody out.
    """

    conn: _Parser

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.conn = _Parser()
        self._timer: asyncio.TimerHandle | None = None
        self._phase: str | None = None
        self._since = 0.0
        self._ended = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()
        if len(self.connections) > MOST_CONNECTIONS:
            waiting = [each for each in self.connections if isinstance(each, Connection) and each._phase in IDLE]
            oldest = min(waiting, key=lambda each: each._since)
            self.connections.discard(oldest)
            oldest.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set(None, 0, self.transport.abort)
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._ended:  # a connection that is closed on bytes that were not read takes the answer with it
            super().data_received(data)
            self._watch()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the way back open: a caller may close its own side once it has asked."""
        if self._ended:
            return False
        self.conn.receive_data(b"")
        self.handle_events()
        self._watch()
        return not self.transport.is_closing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._set("taking", TAKE_SECONDS, self.transport.abort)
        else:
            self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._set("taking", TAKE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._watch()

    def shutdown(self) -> None:
        if self._ended:
            self.transport.abort()
        else:
            super().shutdown()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._ended = True  # of what is HTTP; pings watch over the rest
        self._set(None, 0, self.transport.abort)
        super().handle_websocket_upgrade(event)

    def send_400_response(self, msg: str) -> None:
        self.refuse(self.conn.refused)

    def refuse(self, refused: RefusedError) -> None:
        """Answer in one line where no answer has begun, and end the connection."""
        cycle = self.cycle
        answering = cycle is not None and not cycle.response_complete
        if answering:
            cycle.disconnected = True
            cycle.message_event.set()
        if not (answering and cycle.response_started):
            head = (
                b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head % (refused.status, refused.reason, len(refused.content)) + refused.content)
        self._end()

    def _end(self) -> None:
        """Say no more, and give the other side time to notice."""
        self._ended = True
        self._set("ending", TAKE_SECONDS, self.transport.abort)
        if not self.transport.is_closing():
            try:
                self.transport.write_eof()
                self.transport.resume_reading()
            except OSError:  # the other side has gone already
                self.transport.abort()

    def _watch(self) -> None:
        """Begin the deadline of what the connection is at now, unless it runs already."""
        if self._ended or (self._phase == "taking" and self.flow.write_paused) or self.transport.is_closing():
            return
        theirs = self.conn.their_state
        if theirs is h11.CLOSED and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()
            self._set("ending", TAKE_SECONDS, self.transport.abort)
        elif theirs is h11.IDLE:
            self._set("head", HEAD_SECONDS, self._late)
        elif theirs is h11.SEND_BODY:
            self._set("body", BODY_SECONDS, self._late)
        else:
            self._set(None, 0, self._late)

    def _late(self) -> None:
        if self._phase == "head" and not self.conn.trailing_data[0]:
            self._end()
        else:
            seconds = HEAD_SECONDS if self._phase == "head" else BODY_SECONDS
            self.refuse(RefusedError(408, f"the request did not arrive within {seconds:g} s"))

    def _set(self, phase: str | None, seconds: float, then: Callable[[], None]) -> None:
        if phase == self._phase:
            return
        if self._timer:
            self._timer.cancel()
        self._phase, self._since = phase, self.loop.time()
        self._timer = self.loop.call_later(seconds, then) if phase else None
