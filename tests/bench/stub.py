"""The fastest stand-in for the API that Python gives: no checks, answers made beforehand, latency on request.

    python stub.py LATENCY_SECONDS COUNT   (COUNT live resources, one in a hundred drifted; 0: empty)

Prints its port on stdout. It runs as a process of its own, so that its CPU is not counted as wsync's.
"""

from __future__ import annotations

import asyncio
import json
import sys

from world import live

PATHS = {"connections": "connection", "data-models": "model", "inputs/data-pipelines": "pipeline"}
PREFIX = "/platform/v2/workspaces/1/"


class Workspace:
    """Documents as bytes, by collection and id."""

    def __init__(self, count: int) -> None:
        found = live(count) if count else {"connection": [], "model": [], "pipeline": []}
        self.documents = {
            path: {d["id"]: json.dumps(d).encode() for d in found[kind]} for path, kind in PATHS.items()
        }
        self.lists: dict[str, bytes] = {}

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        if path == "/oauth/token":
            return 200, b'{"access_token": "t", "expires_in": 28800, "token_type": "Bearer"}'
        rest = path.removeprefix(PREFIX)
        collection = next(c for c in PATHS if rest == c or rest.startswith(c + "/"))
        stored, name = self.documents[collection], rest[len(collection) + 1 :]
        if method == "GET" and not name:
            if collection not in self.lists:
                self.lists[collection] = b"[" + b",".join(stored.values()) + b"]"
            return 200, self.lists[collection]
        self.lists.pop(collection, None) if method != "GET" else None
        match method:
            case "GET":
                return (200, stored[name]) if name in stored else (404, b'{"errors": []}')
            case "DELETE":
                stored.pop(name, None)
                return 204, b""
            case _:
                document = json.loads(body)
                stored[document["id"]] = body
                return 200, body


class Connection(asyncio.Protocol):
    """HTTP/1.1, one request after the other."""

    workspace: Workspace
    latency: float

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lines = head.split(b"\r\n")
        length = next((int(x.split(b":")[1]) for x in lines if x.lower().startswith(b"content-length:")), 0)
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        method, path, _ = lines[0].decode().split(" ")
        status, body = self.workspace.answer(method, path, rest[:length])
        kind = (
            b"" if status == 204 else b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        )
        answer = b"HTTP/1.1 %d OK\r\n%s\r\n%s" % (status, kind, body)
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self.transport.write, answer)
        else:
            self.transport.write(answer)


async def main(latency: float, count: int) -> None:
    Connection.workspace, Connection.latency = Workspace(count), latency
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2])))
