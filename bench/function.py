"""Runs a function as Lambda does: as a process that requests events from the runtime API, with a CPU limit that corresponds
to its memory size."""

import dataclasses
import json
import os
import pathlib
import subprocess
import time
import uuid

import world

#: The number of seconds after which a function that does not respond is considered to be broken.
PATIENCE = 120


@dataclasses.dataclass
class Answered:
    """An event with its response."""

    #: Seconds from the delivery of the event to the arrival of the response.
    time: float
    #: CPU seconds that the function used in this time.
    cpu: float
    answer: dict


class Function:
    """One process. It starts immediately, with a full core."""

    def __init__(self, program, stage, megabytes, share=None, environment=()):
        self._wire, self._share = stage.wire, share
        self._api, self._answers = self._wire.listen(), stage.answers_port
        environment = {
            "PATH": "/usr/bin:/bin", "LANG": "en_US.UTF-8", "TZ": ":UTC", "_HANDLER": program.handler,
            "LAMBDA_TASK_ROOT": str(program.task_root), "LAMBDA_RUNTIME_DIR": "/var/runtime",
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._api}", "AWS_LAMBDA_FUNCTION_NAME": "bench",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(megabytes),
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/bench",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0123456789abcdef0123456789abcdef",
            "AWS_REGION": world.REGION, "AWS_DEFAULT_REGION": world.REGION, "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "nobody", "AWS_SESSION_TOKEN": "nobody", **stage.environment, **program.environment, **dict(environment),
        }
        command = [str(part) for part in program.command]
        with open(stage.log, "ab") as log:
            self.started = time.monotonic()
            self._process = subprocess.Popen(command, env=environment, cwd=program.task_root, stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log)
        self._waiting = self._poll()
        #: Seconds from the start of the process to its first request for an event.
        self.start = self._waiting.at - self.started
        self.start_cpu = self._cpu()
        if share:
            share.hold(self._process.pid)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._wire.close(self._api)

    def invoke(self, event):
        """Sends an event to the function, and waits for the response and for the request for the next event."""
        request_id = str(uuid.uuid4())
        cpu, began = self._cpu(), time.monotonic()
        self._waiting.reply("200 OK", json.dumps(event).encode(), content_type="application/json",
                            Lambda_Runtime_Aws_Request_Id=request_id,
                            Lambda_Runtime_Deadline_Ms=round((time.time() + 900) * 1000),
                            Lambda_Runtime_Invoked_Function_Arn=world.TOKEN)
        put = self._take(lambda request: request.port == self._answers)
        put.reply("200 OK")
        answered = put.at
        result = self._take(lambda request: request.port == self._api)
        if not result.path.endswith(f"/{request_id}/response"):
            raise RuntimeError(f"The function failed: {result.path} {result.body[:500]!r}")
        result.reply("202 Accepted")
        self._waiting = self._poll()
        answer = json.loads(put.body)
        if answer["Status"] != "SUCCESS":
            raise RuntimeError(f"The response is not SUCCESS: {answer}")
        return Answered(answered - began, self._cpu() - cpu, answer)

    def peak_memory(self):
        """The peak memory of the process so far, in bytes."""
        for line in pathlib.Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
        raise RuntimeError("The operating system does not report the peak memory of a process (VmHWM).")

    def _poll(self):
        return self._take(lambda request: request.port == self._api and request.path.endswith("/invocation/next"))

    def _take(self, wanted):
        request = self._wire.wait(wanted, PATIENCE)
        if request is None:
            raise RuntimeError(f"The function sent no request within {PATIENCE} s.")
        return request

    def _cpu(self):
        """CPU seconds that the threads of the process have used. schedstat counts nanoseconds."""
        used = 0
        for task in pathlib.Path(f"/proc/{self._process.pid}/task").iterdir():
            try:
                used += int((task / "schedstat").read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                pass  # The thread has ended in the meantime.
        return used / 1e9
