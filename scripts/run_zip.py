"""Runs the function of a zip file as Lambda does, in whatever userland this script runs in.

    python run_zip.py dist/tidb-private-endpoint.zip

It needs nothing but Python 3.9. The function gets one invocation: a question that cannot be understood, which it must answer
without calling AWS. Then its program must explain itself in a terminal. The release runs this in Amazon Linux 2023, without
a network.
"""

import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import zipfile

QUESTION = {"Ask": "Nonsense"}
#: What the answer must contain.
ANSWER = "The question cannot be understood"
PATIENCE_SECONDS = 30


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Lambda's runtime API with one invocation (Lambda developer guide, "Using the Lambda runtime API")."""

    def __init__(self, question):
        super().__init__(("127.0.0.1", 0), Handler)
        self.question, self.answered, self.answer, self.given = question, threading.Event(), None, False


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        if self.server.given:  # Lambda, too, lets the function wait for the next one.
            self.server.answered.wait(PATIENCE_SECONDS)
            return self.close_connection_silently()
        self.server.given = True
        body = json.dumps(self.server.question).encode()
        self.send_response(200)
        for name, value in (("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
                            ("Lambda-Runtime-Deadline-Ms", "4102444800000"),
                            ("Lambda-Runtime-Invoked-Function-Arn",
                             "arn:aws:lambda:us-east-1:123456789012:function:tidb-private-endpoint"),
                            ("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def close_connection_silently(self):
        self.close_connection = True

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self.read_chunks()
        self.server.answer = body.decode(errors="replace")
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.answered.set()

    def read_chunks(self):
        body = b""
        while size := int(self.rfile.readline() or b"0", 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body


def faults(archive):
    """Why the function of a zip file does not run."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(archive) as file:
            file.extractall(folder)
        bootstrap = pathlib.Path(folder) / "bootstrap"
        bootstrap.chmod(0o755)
        try:
            return [*faults_of_invocation(bootstrap), *faults_in_terminal(bootstrap)]
        except OSError as error:
            return [f"bootstrap cannot be started: {error}"]


def faults_of_invocation(bootstrap):
    answer, output = answer_of(bootstrap, QUESTION)
    if answer is None:
        return [f"The function did not answer. It said: {output.strip() or 'nothing'}"]
    return [] if ANSWER in answer else [f"The function answered: {answer}"]


def answer_of(bootstrap, question, **settings):
    """Invokes the function once. Returns its answer, or None, and its output."""
    api = RuntimeApi(question)
    threading.Thread(target=api.serve_forever, daemon=True).start()
    environment = {
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}", "AWS_REGION": "us-east-1", "_HANDLER": "bootstrap",
        "AWS_LAMBDA_FUNCTION_NAME": "tidb-private-endpoint", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
        "AWS_LAMBDA_LOG_GROUP_NAME": "group", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token", "PATH": os.defpath,
        # Nothing listens there. The function opens a connection at its start, and must not need one.
        "AWS_ENDPOINT_URL_EC2": "http://127.0.0.1:9", **settings,
    }
    process = subprocess.Popen([bootstrap], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        ends = threading.Thread(target=lambda: (process.wait(), api.answered.set()), daemon=True)
        ends.start()
        api.answered.wait(PATIENCE_SECONDS)
    finally:
        process.kill()
        output = process.communicate()[0]
        api.shutdown()
        api.server_close()
    return api.answer, output


def faults_in_terminal(bootstrap):
    done = subprocess.run([bootstrap, "nonsense"], env={"PATH": os.defpath}, timeout=PATIENCE_SECONDS, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 2 or "bootstrap check" not in done.stdout:
        return [f"'bootstrap nonsense' ended with {done.returncode}: {done.stdout.strip()}"]
    return []


def main(*archives):
    if not archives:
        sys.exit(__doc__)
    for archive in archives:
        wrong = faults(archive)
        if wrong:
            sys.exit("\n".join([f"{archive} does not run:", *wrong]))
        print(f"{archive} runs.")


if __name__ == "__main__":
    main(*sys.argv[1:])
