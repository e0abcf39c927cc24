#!/usr/bin/env python3
"""A small HTTP/1.1 server with one of twelve moods and a log of its own.

    python3 scripts/moody_server.py MOOD PORT LOG

It answers whatever it is asked with a JSON object that has an `id`, one connection beside
the other, until SIGTERM. Then it writes its log: what it read when, and what became of that.
scripts/verdicts.py derives from it what the verdict must be.
"""
import asyncio
import contextlib
import gc
import json
import os
import pathlib
import re
import signal
import socket
import struct
import sys
import time

RIGHT = b'{"id":4711,"state":"open"}'
# One request of so many.
EVERY = {"resetting": 20, "refusing": 5, "failing": 50, "wrong body, some": 50, "wrong status, some": 50}
# Seconds after the first request.
UNTIL = {"hanging": 5, "gone": 5}
STOP, EVERY_SECONDS = .3, 3
SLOW = .3
LEAK = 20_000
STATUSES = {200: "OK", 404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}


class Server:
    def __init__(self, mood):
        self.mood, self.kept, self.peers = mood, [], set()
        self.log = {"mood": mood, "requests": [], "stops": [], "gone": None, "resident": []}

    def age(self):
        """Seconds since the first request."""
        return time.monotonic() - self.log["requests"][0][0] if self.log["requests"] else 0

    def serve(self, peer):
        """Answers one request, or does what the mood says; notes it."""
        entry = [time.monotonic(), None, None]
        self.log["requests"].append(entry)
        number, mood = len(self.log["requests"]), self.mood
        # The first request of a connection is none that meets a used one.
        turn = number % EVERY[mood] == 0 if mood in EVERY else False
        if mood == "resetting" and turn and peer.asked > 1:
            entry[2] = "reset"
            return peer.reset()
        if mood == "hanging" and self.age() > UNTIL[mood]:
            entry[2] = "left without an answer"
            return
        status, body = 200, RIGHT
        if mood == "refusing" and turn:
            status = 429
        elif mood == "failing" and turn:
            status = 500
        elif mood == "wrong status" or (mood == "wrong status, some" and turn):
            status = 404
        elif mood == "wrong body" or (mood == "wrong body, some" and turn):
            body = b'{"state":"open"}'
        elif mood == "leaking":
            self.kept.append(bytearray(b"x" * LEAK))
        entry[2] = "right" if (status, body) == (200, RIGHT) else f"{status}" if status != 200 else "without the value"
        asyncio.get_running_loop().call_later(SLOW if mood == "slow" else .001, peer.answer, status, body, entry)

    async def watch(self, listener):
        """What happens by itself."""
        while True:
            await asyncio.sleep(.1)
            pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
            self.log["resident"].append(pages * 4096)
            if self.mood == "freezing" and self.age() > EVERY_SECONDS * (len(self.log["stops"]) + 1):
                self.log["stops"].append([time.monotonic(), STOP])
                time.sleep(STOP)
            if self.mood == "gone" and self.age() > UNTIL["gone"] and not self.log["gone"]:
                self.log["gone"] = time.monotonic()
                listener.close()
                for peer in list(self.peers):
                    peer.transport.abort()


class Peer(asyncio.Protocol):
    def __init__(self, server):
        self.server, self.read, self.asked, self.is_ended = server, b"", 0, False

    def connection_made(self, transport):
        self.transport, self.socket = transport, transport.get_extra_info("socket")
        self.server.peers.add(self)

    def connection_lost(self, _error):
        self.server.peers.discard(self)

    def data_received(self, data):
        self.read += data
        while self.takes_one():
            self.asked += 1
            if self.is_ended:
                # It had said that it ends.
                self.server.log["requests"].append([time.monotonic(), None, "read after the own end"])
                continue
            self.server.serve(self)

    def takes_one(self):
        head, mark, rest = self.read.partition(b"\r\n\r\n")
        if not mark:
            return False
        length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
        length = int(length[1]) if length else 0
        if len(rest) < length:
            return False
        self.read = rest[length:]
        return True

    def answer(self, status, body, entry):
        if self.transport.is_closing():
            entry[2] = "gone before its answer"
            return
        mood = self.server.mood
        # Its end travels with the answer.
        ends = mood in ("closing", "half-closing")
        if ends:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
        head = f"HTTP/1.1 {status} {STATUSES[status]}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        self.transport.write(head.encode() + body)
        if ends:
            self.is_ended = True
            self.transport.write_eof() if mood == "half-closing" else self.transport.close()
        entry[1] = time.monotonic()

    def eof_received(self):
        return False

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


async def main(mood, port, log):
    gc.disable()
    # What else runs here is no part of the mood.
    with contextlib.suppress(OSError):
        os.nice(-19)
    server, loop, ended = Server(mood), asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    listener = await loop.create_server(lambda: Peer(server), "127.0.0.1", int(port), backlog=1024)
    watching = asyncio.create_task(server.watch(listener))
    await ended.wait()
    watching.cancel()
    pathlib.Path(log).write_text(json.dumps(server.log))


asyncio.run(main(*sys.argv[1:]))
