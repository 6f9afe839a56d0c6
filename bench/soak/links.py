"""TCP links that can be cut: small proxies between the processes of a cluster, all in one thread.

A link passes everything on until it is `reset` (both sides see a reset) or `hold` (nothing passes, nobody is told, as where packets
vanish) and then `release`. Callable from any thread."""

import asyncio
import contextlib
import random
import socket
import struct
import threading


class _Side(asyncio.Protocol):
    """One of the two sockets of a passed-on connection."""

    def __init__(self, link, other=None):
        self.link, self.other, self.transport = link, other, None

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.link.sides.add(self)
        if self.other is None:  # somebody dials
            self._read_nothing_yet()
            self.link.dialled(self)
            return
        self.other.other = self  # before anything is read there
        if self.link.held:
            self._read_nothing_yet()
        else:
            self.other.transport.resume_reading()

    def _read_nothing_yet(self):
        # asyncio begins to read right after connection_made, paused or not (seen in Python 3.11.2).
        self.link.loop.call_soon(self.transport.pause_reading)

    def data_received(self, data):
        self.other.transport.write(data)

    def eof_received(self):
        self.other.transport.write_eof()
        return True

    def pause_writing(self):
        self.other.transport.pause_reading()

    def resume_writing(self):
        if not self.link.held and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, error):
        self.link.sides.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.reset() if error else self.other.transport.close()

    def reset(self):
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class Link:
    """Listens on a port of its own and passes on to another one of this host. Made by Switchboard.link."""

    def __init__(self, loop, target_port):
        self.loop, self.target_port = loop, target_port
        self.sides, self.waiting = set(), []
        self.held = False
        self.connections = 0  # ever: the faults' trigger for "somebody dials"

    async def open(self):
        self.server = await self.loop.create_server(lambda: _Side(self), "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    def dialled(self, side):
        self.connections += 1
        if self.held:
            self.waiting.append(side)
        else:
            self.loop.create_task(self._connect(side))

    async def _connect(self, side):
        try:
            await self.loop.create_connection(lambda: _Side(self, side), "127.0.0.1", self.target_port)
        except OSError:
            side.reset()

    def reset(self):
        self.loop.call_soon_threadsafe(lambda: [side.reset() for side in list(self.sides)])

    def hold(self):
        self.loop.call_soon_threadsafe(self._hold)

    def _hold(self):
        self.held = True
        for side in self.sides:
            side.transport.pause_reading()

    def release(self):
        self.loop.call_soon_threadsafe(self._release)

    def _release(self):
        self.held = False
        for side in self.sides:
            if side.other is not None and not side.transport.is_closing():
                side.transport.resume_reading()
        for side in self.waiting:
            self.loop.create_task(self._connect(side))
        self.waiting.clear()


class Switchboard:
    """The thread in which all links live. It ends with the process."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def link(self, target_port):
        link = Link(self.loop, target_port)
        asyncio.run_coroutine_threadsafe(link.open(), self.loop).result()
        return link


_GIVEN = set()  # by free_port


def free_port():
    """Not one of those that the system gives to connections: it must still be free when its owner is started again."""
    while True:
        port = random.SystemRandom().randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
