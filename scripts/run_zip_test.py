"""Tests of run_zip.py, with the function of the last `make build` and with broken ones."""

import http.server
import os
import pathlib
import tempfile
import threading
import unittest
import zipfile

import package
import run_zip
import version

BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", package.ROOT / "target")) / "debug" / package.BINARY
#: A program that answers the runtime API with some words, and explains itself like the function.
PROGRAM = """#!/bin/sh
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then echo "Usage: bootstrap check HOST"; exit 2; fi
exec python3 -c '
import os, urllib.request
url = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
id = urllib.request.urlopen(url + "next").headers["Lambda-Runtime-Aws-Request-Id"]
urllib.request.urlopen(url + id + "/error", data=b"WORDS").read()
'
"""


class Zip(unittest.TestCase):
    def faults(self, program):
        with tempfile.TemporaryDirectory() as folder:
            archive = pathlib.Path(folder) / "function.zip"
            with zipfile.ZipFile(archive, "w") as file:  # Compressing the function of `make build` takes ten seconds.
                file.writestr("bootstrap", program)
            return run_zip.faults(archive)

    def script(self, words):
        return PROGRAM.replace("WORDS", words).encode()

    @unittest.skipUnless(BINARY.exists(), "make build has not been run")
    def test_the_function_runs(self):
        self.assertEqual(self.faults(BINARY.read_bytes()), [])

    @unittest.skipUnless(BINARY.exists(), "make build has not been run")
    def test_its_calls_name_the_version(self):
        agents = []

        class Ec2(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                agents.append(self.headers["User-Agent"])
                self.send_error(403)

            def log_message(self, *_):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ec2) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_port}"
            answer, output = run_zip.answer_of(BINARY, {"Ask": "Status"}, AWS_ENDPOINT_URL_EC2=url,
                                               AWS_ENDPOINT_URL_CLOUDFORMATION=url)
            server.shutdown()
        self.assertIsNotNone(answer, output)
        self.assertTrue(agents and all(f" app/tidb-private-endpoint-{version.version()}" in agent for agent in agents), agents)

    def test_an_answer_is_enough(self):
        self.assertEqual(self.faults(self.script(run_zip.ANSWER)), [])

    def test_another_answer_is_a_fault(self):
        self.assertEqual(self.faults(self.script("hello")), ["The function answered: hello"])

    def test_a_program_that_crashes_is_a_fault(self):
        [invocation, terminal] = self.faults(b"#!/bin/sh\necho 'libc.so.6: version GLIBC_2.99 not found'\nexit 1\n")
        self.assertEqual(invocation, "The function did not answer. It said: libc.so.6: version GLIBC_2.99 not found")
        self.assertIn("'bootstrap nonsense' ended with 1", terminal)

    def test_a_program_for_another_machine_is_a_fault(self):
        [fault] = self.faults(b"\x7fELF\x02\x01nothing")
        self.assertIn("bootstrap cannot be started", fault)


if __name__ == "__main__":
    unittest.main()
