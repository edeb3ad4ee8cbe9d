"""TLS on the loopback interface: a certificate for one run, and a proxy that terminates TLS in front of the simulated EC2
and the receiver of responses, which use plain HTTP. It is the same for every program.

`python tls.py CERTIFICATE KEY UPSTREAM-PORT...` listens on a free port for each upstream port, and prints these ports.
"""

import datetime
import ipaddress
import os
import select
import socket
import ssl
import sys
import threading


def make_certificate(folder):
    """Writes the certificate of an authority, a server certificate for 127.0.0.1, and its key, all with ECDSA P-256."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def name(text):
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def pem(certificate):
        return certificate.public_bytes(serialization.Encoding.PEM)

    now = datetime.datetime.now(datetime.timezone.utc)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))

    def certificate(subject, public_key, is_authority, *extensions):
        builder = (x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("bench authority"))
                   .public_key(public_key).serial_number(x509.random_serial_number())
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=2))
                   .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True))
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(authority_key, hashes.SHA256())

    # Some verifiers require both identifiers.
    authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = certificate("bench authority", authority_key.public_key(), True, authority_id)
    server = certificate(
        "127.0.0.1", key.public_key(), False,
        x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
        x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id))
    (folder / "authority.pem").write_bytes(pem(authority))
    (folder / "server.pem").write_bytes(pem(server))
    with open(os.open(folder / "server.key", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                     serialization.NoEncryption()))


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
