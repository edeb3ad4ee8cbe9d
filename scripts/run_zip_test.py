"""Tests of run_zip.py, with the function of the last `make build` and with broken ones."""

import os
import pathlib
import tempfile
import unittest

import package
import run_zip

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
            package.write_zip(archive, program)
            return run_zip.faults(archive)

    def script(self, words):
        return PROGRAM.replace("WORDS", words).encode()

    @unittest.skipUnless(BINARY.exists(), "make build has not been run")
    def test_the_function_runs(self):
        self.assertEqual(self.faults(BINARY.read_bytes()), [])

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
