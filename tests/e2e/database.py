"""A minimal MySQL server, with TLS and one user, that the function of an example can log in to."""

import hashlib
import socketserver
import ssl
import struct
import threading

import trustme

#: The name in the certificate.
HOST = "localhost"
VERSION = "8.0.11-TiDB-v8.5.0"

SALT = b"twenty bytes of salt"
PROTOCOL_41, TLS, SECURE_CONNECTION, PLUGIN_AUTH = 1 << 9, 1 << 11, 1 << 15, 1 << 19
CAPABILITIES = PROTOCOL_41 | TLS | SECURE_CONNECTION | PLUGIN_AUTH
UTF8MB4, AUTOCOMMIT = 45, 2
QUIT, QUERY = 1, 3

GREETING = b"".join((
    b"\x0a", VERSION.encode(), b"\0", struct.pack("<I", 1), SALT[:8], b"\0", struct.pack("<H", CAPABILITIES & 0xFFFF),
    struct.pack("<BH", UTF8MB4, AUTOCOMMIT), struct.pack("<H", CAPABILITIES >> 16), bytes([len(SALT) + 1]), bytes(10),
    SALT[8:], b"\0", b"mysql_native_password\0"))
OK = b"\0\0\0" + struct.pack("<HH", AUTOCOMMIT, 0)
END = b"\xfe" + struct.pack("<HH", 0, AUTOCOMMIT)
DENIED = b"\xff" + struct.pack("<H", 1045) + b"#28000Access denied"


def text(value):
    return bytes([len(value)]) + value.encode()


#: A result set with one string column and one row.
ANSWER = (b"\1", b"".join(map(text, ("def", "", "", "", "version", ""))) + b"\x0c" + struct.pack(
    "<HIBHB", UTF8MB4, 64, 0xFD, 0, 0) + b"\0\0", END, text(VERSION), END)


def scrambled(password):
    """The hash that a client sends instead of the password."""
    once = hashlib.sha1(password.encode()).digest()
    mask = hashlib.sha1(SALT + hashlib.sha1(once).digest()).digest()
    return bytes(a ^ b for a, b in zip(once, mask))


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        try:
            self._serve()
        except (OSError, EOFError):
            pass  # The client has disconnected and reports the reason itself.

    def _serve(self):
        self._sequence = 0
        self._send(GREETING)
        # A client requests TLS with the part of its login packet that contains no secrets.
        if not struct.unpack("<I", self._receive()[:4])[0] & TLS:
            return self._send(DENIED)
        self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        self.server.logins += 1
        name, _, rest = self._receive()[32:].partition(b"\0")
        if (name, rest[1:1 + rest[0]]) != self.server.login:
            return self._send(DENIED)
        self._send(OK)
        while (command := self._receive())[0] != QUIT:
            self._send(*ANSWER if command[0] == QUERY and command[1:].upper().startswith(b"SELECT") else (OK,))

    def _send(self, *packets):
        for packet in packets:
            self.request.sendall(struct.pack("<I", len(packet))[:3] + bytes([self._sequence]) + packet)
            self._sequence += 1

    def _receive(self):
        header = self._read(4)
        self._sequence = header[3] + 1
        return self._read(int.from_bytes(header[:3], "little"))

    def _read(self, size):
        data = b""
        while len(data) < size:
            part = self.request.recv(size - len(data))
            if not part:
                raise EOFError
            data += part
        return data


class Database(socketserver.ThreadingTCPServer):
    """Listens on `port` of the loopback interface until the context exits. Clients that trust `authority`, a PEM file, can
    verify it."""

    daemon_threads = True

    def __init__(self, folder, username, password):
        super().__init__(("127.0.0.1", 0), Session)
        issuer = trustme.CA()
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        issuer.issue_cert(HOST).configure_cert(self.tls)
        self.authority = folder / "authority.pem"
        issuer.cert_pem.write_to_path(self.authority)
        self.logins = 0
        self.login = username.encode(), scrambled(password)
        self.port = self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
