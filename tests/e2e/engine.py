"""The local AWS for the demo and the end-to-end tests: ec2-sim and a strict ministack, on free ports of the loopback
interface.

template.yaml requires no changes for them. ministack passes its own environment to every function that it starts, including
AWS_ENDPOINT_URL_EC2 and the other settings that the function reads for tests. Functions with subnets also see the network as
from there; see inside_vpc.py.

`python engine.py SCRIPT` starts only ec2-sim and runs the Python script with its URL as the argument.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

from inside_vpc import InsideVpc, library
from scene import ACCOUNT, CLUSTERS, REGION

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
RUN = ROOT / ".run"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
BOOTSTRAP = TARGET / "tidb-private-endpoint"
SIMULATOR = TARGET / "ec2-sim"

# All connections use the loopback interface. The user's AWS settings and proxies must not apply here or in child processes.
for _name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
    del os.environ[_name]
os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)


def http(method, url, body=None, headers=None):
    """Returns the status and body of the response, even if the status is an error."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def get_json(url):
    status, body = http("GET", url)
    if status != 200:
        raise RuntimeError(f"{url}: HTTP {status}: {body[:200]!r}")
    return json.loads(body)


class Processes:
    """Processes that are always stopped when the context exits."""

    def __init__(self):
        self._running = []

    def __enter__(self):
        # Turn signals into exceptions; otherwise, the processes would keep running.
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, lambda number, frame: sys.exit(128 + number))
        RUN.mkdir(exist_ok=True)
        self._home = RUN / f"home-{os.getpid()}"
        self._home.mkdir()
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_all(self):
        raise NotImplementedError

    def __exit__(self, *_):
        # A second Ctrl+C must not interrupt the cleanup.
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, signal.SIG_IGN)
        # Stop the processes in reverse order. On SIGTERM, ministack stops the functions that it started. They are in its
        # process group, so SIGKILL ends any that remain.
        for process in reversed(self._running):
            _signal_group(process, signal.SIGTERM)
            try:
                process.wait(timeout=2)
            except subprocess.TimeoutExpired:
                pass
            _signal_group(process, signal.SIGKILL)
            process.wait()
            process.stdin.close()
            # The system needs a moment to reap orphaned processes.
            deadline = time.monotonic() + 5
            while _signal_group(process, 0) and time.monotonic() < deadline:
                time.sleep(0.02)
        shutil.rmtree(self._home, ignore_errors=True)

    def leftovers(self):
        """The commands of process groups that are still running."""
        return [process.args for process in self._running if _signal_group(process, 0)]

    def start(self, name, command, ready, **extra):
        """Starts a process, waits until the path `ready` responds, and returns its base URL.

        The process prints the address that it listens on. Its output goes to a file in .run.
        """
        log = RUN / f"{name}.log"
        # The caller's environment must not reach the function: no credentials, proxies, or AWS settings.
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self._home), "TMPDIR": str(self._home),
                       "PYTHONDONTWRITEBYTECODE": "1", **extra}
        with open(log, "wb") as output:
            process = subprocess.Popen([str(part) for part in command], env=environment, cwd=ROOT, stdout=output,
                                       stderr=subprocess.STDOUT, stdin=subprocess.PIPE, start_new_session=True)
        self._running.append(process)
        deadline = time.monotonic() + 30
        while process.poll() is None and time.monotonic() < deadline:
            said = re.search(r"^listening on (\S+)$", log.read_text(errors="replace"), re.M)
            try:
                if said and http("GET", f"http://{said.group(1)}{ready}")[0] == 200:
                    return f"http://{said.group(1)}"
            except OSError:
                pass
            time.sleep(0.05)
        raise SystemExit(f"{name} did not start:\n{log.read_text(errors='replace')}")

    def start_simulator(self, world):
        # --fast shortens delays from minutes to seconds. The API rate limits stay.
        command = [needed(SIMULATOR), "--listen", "127.0.0.1:0", "--fast"]
        if world:
            file = RUN / "world.json"
            file.write_text(json.dumps(world, indent=1))
            command += ["--world", file]
        return self.start("ec2-sim", command, "/_sim/endpoints")


class Simulator(Processes):
    """Only ec2-sim. Without a world, it uses its built-in one."""

    def __init__(self, world):
        super().__init__()
        self.world = world

    def _start_all(self):
        self.ec2 = self.start_simulator(self.world)


class Engine(Simulator):
    """ec2-sim, and a ministack whose functions use it."""

    def _start_all(self):
        needed(BOOTSTRAP)
        super()._start_all()
        # The check function trusts the simulated gateways.
        self.authority = RUN / "gateways.pem"
        self.authority.write_text(get_json(f"{self.ec2}/_sim/authority")["pem"])
        self.aws = self.start("ministack", [sys.executable, HERE / "strict.py"], "/_ministack/health",
                              MINISTACK_ACCOUNT_ID=ACCOUNT, MINISTACK_REGION=REGION, AWS_ENDPOINT_URL_EC2=self.ec2,
                              SSL_CERT_FILE=str(self.authority), TIDB_CLOUD_API_URL=self.ec2,
                              INSIDE_VPC_LIBRARY=library(RUN), INSIDE_VPC_PORT=str(InsideVpc(self).port))
        for cluster in CLUSTERS:
            http("POST", f"{self.ec2}/_sim/cluster", json.dumps(cluster).encode())

    def gateway(self, fault="none", host="localhost"):
        """Starts a simulated TiDB Cloud gateway, and returns its port."""
        _, body = http("POST", f"{self.ec2}/_sim/gateway", json.dumps({"host": host, "fault": fault}).encode())
        return json.loads(body)["port"]

    def standing(self):
        """The current state of all endpoints that are not deleted, without read lag."""
        return [one for one in get_json(f"{self.ec2}/_sim/endpoints") if one["state"] != "deleted"]

    def groups(self):
        """The current state of all security groups, without read lag."""
        return get_json(f"{self.ec2}/_sim/groups")

    def calls(self):
        return get_json(f"{self.ec2}/_sim/log")

    def calls_to_tidb_cloud(self):
        return get_json(f"{self.ec2}/_sim/tidb-cloud-log")

    def unrecognized_requests(self):
        return get_json(f"{self.ec2}/_sim/unrecognized-requests")

    def report(self):
        """The events and responses between CloudFormation and the function; see strict.py."""
        return get_json(f"{self.aws}/_strict/report")


def holders(endpoint):
    """The holders of an endpoint, according to its tags. After each name is the mark of the Create that took the reference."""
    return sorted(value.split(" ")[0] for key, value in endpoint["tags"].items()
                  if key.startswith("tidb-private-endpoint:ref:"))


def needed(binary):
    if not os.access(binary, os.X_OK):
        raise SystemExit(f"{binary} does not exist. Run `make build` first.")
    return binary


def _signal_group(process, signum):
    """Signals a process group. Returns whether it still exists."""
    try:
        os.killpg(process.pid, signum)
    except ProcessLookupError:
        return False
    return True


def main():
    with Simulator(world=None) as simulator:
        result = subprocess.run([sys.executable, *sys.argv[1:], simulator.ec2]).returncode
    sys.exit(result)


if __name__ == "__main__":
    main()
