"""The environment of a function while it is measured: the simulated EC2 and the receiver of responses, both with TLS."""

import json
import os
import pathlib
import subprocess
import sys
import urllib.request

import certifi
import tls
from programs import HERE, TARGET, WORK
from wire import Wire

SIMULATOR = TARGET / "dist" / "ec2-sim"


def make_trust():
    """Creates the certificates of this run, and adds its authority to the root certificates that a Linux system trusts.
    Loading more than a hundred of these is part of the work of most programs."""
    folder = WORK / "tls"
    folder.mkdir(exist_ok=True)
    tls.make_certificate(folder)
    roots = pathlib.Path(certifi.where()).read_bytes() + (folder / "authority.pem").read_bytes()
    (folder / "roots.pem").write_bytes(roots)


class Stage:
    """A simulated EC2 with its own world."""

    def __init__(self, world):
        self._world = world
        self._processes = []
        self.wire = Wire()
        self.log = WORK / "functions.log"

    def __enter__(self):
        try:
            file = WORK / f"world-{os.getpid()}.json"
            file.write_text(json.dumps(self._world))
            simulator, = self._start([SIMULATOR, "--listen", "127.0.0.1:0", "--world", file])
            file.unlink()
            self._simulator = f"http://{simulator}"
            self.answers_port = self.wire.listen()
            folder = WORK / "tls"
            ec2, answers = self._start([sys.executable, HERE / "tls.py", folder / "server.pem", folder / "server.key",
                                        simulator.rpartition(":")[2], str(self.answers_port)])
        except BaseException:
            self.__exit__()
            raise
        self.answers = f"https://127.0.0.1:{answers}"
        self.environment = {
            "AWS_ENDPOINT_URL_EC2": f"https://127.0.0.1:{ec2}",
            # In this order: Rust and Python's standard library; botocore, which has its own roots; Node.js, whose roots
            # are built in.
            "SSL_CERT_FILE": str(folder / "roots.pem"), "AWS_CA_BUNDLE": str(folder / "roots.pem"),
            "NODE_EXTRA_CA_CERTS": str(folder / "authority.pem"),
        }
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            process.kill()
            process.wait()
            process.stdin.close()
            process.stdout.close()

    def calls(self):
        """All calls that EC2 has received so far."""
        return self._ask("log")

    def endpoints(self):
        return self._ask("endpoints")

    def complaints(self):
        return self._ask("unrecognized-requests")

    def _ask(self, what):
        with urllib.request.urlopen(f"{self._simulator}/_sim/{what}", timeout=30) as answer:
            return json.load(answer)

    def _start(self, command):
        """Starts a process, and returns the addresses that it listens on."""
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._processes.append(process)
        said = process.stdout.readline().split()
        if said[:2] != ["listening", "on"]:
            raise RuntimeError(f"{command[0]} did not start. It printed: {said}")
        return said[2:]
