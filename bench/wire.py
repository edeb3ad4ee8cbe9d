"""A minimal HTTP server for the runtime API of Lambda and the receiver of responses. It runs in one thread, so that the
arrival time of a request is accurate to microseconds."""

import dataclasses
import selectors
import socket
import time


@dataclasses.dataclass
class Request:
    """A request that has arrived completely."""

    port: int
    method: str
    path: str
    body: bytes
    #: The arrival time of its last byte, on the monotonic clock.
    at: float
    connection: socket.socket

    def reply(self, status, body=b"", **headers):
        lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)


class Wire:
    """Listens on the loopback interface. `requests` contains the requests that were not yet handled."""

    def __init__(self):
        self._selector = selectors.DefaultSelector()
        self._buffers = {}
        self._ports = {}
        self.requests = []

    def listen(self):
        """Listens on a free port and returns it."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._selector.register(listener, selectors.EVENT_READ, self._accept)
        port = listener.getsockname()[1]
        self._ports[port] = listener
        return port

    def close(self, port):
        """Closes a port with all its connections, and discards its requests."""
        self._drop(self._ports.pop(port))
        for connection in [one for one, (_, to) in self._buffers.items() if to == port]:
            self._drop(connection)
        self.requests = [request for request in self.requests if request.port != port]

    def wait(self, wanted, timeout):
        """Removes and returns the first request that matches `wanted`, or `None` after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            for request in self.requests:
                if wanted(request):
                    self.requests.remove(request)
                    return request
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            for key, _ in self._selector.select(left):
                key.data(key.fileobj, time.monotonic())

    def _accept(self, listener, _):
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffers[connection] = (b"", listener.getsockname()[1])
        self._selector.register(connection, selectors.EVENT_READ, self._read)

    def _read(self, connection, at):
        if connection not in self._buffers:
            return
        try:
            data = connection.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._drop(connection)
            return
        buffer, port = self._buffers[connection]
        buffer += data
        head, separator, rest = buffer.partition(b"\r\n\r\n")
        if separator:
            first, *fields = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
            length = int(headers.get("content-length", 0))
            if len(rest) >= length:
                method, path, _ = first.split(" ")
                self.requests.append(Request(port, method, path, rest[:length], at, connection))
                buffer = rest[length:]
        self._buffers[connection] = (buffer, port)

    def _drop(self, connection):
        self._selector.unregister(connection)
        self._buffers.pop(connection, None)
        connection.close()
