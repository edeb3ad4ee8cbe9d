"""TLS on the loopback interface: a certificate for one run, and a proxy that terminates TLS in front of the simulated EC2
and the receiver of responses, which use plain HTTP. It is the same for every program.

`python tls.py CERTIFICATE KEY UPSTREAM-PORT...` listens on a free port for each upstream port, and prints these ports.
"""

import os
import select
import socket
import ssl
import sys
import threading


def make_certificate(folder):
    """Writes the certificate of an authority, a server certificate for 127.0.0.1, and its key, all with ECDSA P-256."""
    import trustme

    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    server = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    server.cert_chain_pems[0].write_to_path(folder / "server.pem")
    os.close(os.open(folder / "server.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    server.private_key_pem.write_to_path(folder / "server.key")


def serve(context, listener, upstream_port):
    while True:
        client, _ = listener.accept()
        threading.Thread(target=relay, args=(context, client, upstream_port), daemon=True).start()


def relay(context, client, upstream_port):
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with socket.create_connection(("127.0.0.1", upstream_port)) as upstream, \
                context.wrap_socket(client, server_side=True) as secure:
            upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                ready = [secure] if secure.pending() else select.select([secure, upstream], [], [])[0]
                for source in ready:
                    data = source.recv(1 << 16)
                    if not data:
                        return
                    (upstream if source is secure else secure).sendall(data)
    except OSError:
        pass  # The client or the upstream has disconnected.


def main(certificate, key, *upstream_ports):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # Like EC2 and S3, so that no client tries HTTP/2.
    context.set_alpn_protocols(["http/1.1"])
    ports = []
    for upstream_port in upstream_ports:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        ports.append(listener.getsockname()[1])
        threading.Thread(target=serve, args=(context, listener, int(upstream_port)), daemon=True).start()
    print("listening on", *ports, flush=True)
    # Run until the parent process ends this process or exits.
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
