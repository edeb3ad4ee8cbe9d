"""Tests of publish.py, as a dry run and with a stand-in for the AWS CLI."""

import contextlib
import io
import os
import pathlib
import tempfile
import unittest
import urllib.parse
from unittest import mock

import publish
import version

TEMPLATE = """\
Parameters:
  CodeBucket:
    Type: String
    Description: Where the code is.
  CodeKey:
    Type: String
    Default: tidb-private-endpoint.zip
    Description: What it is called.
  VpcId:
    Type: String
    Default: ''
Resources: {}
"""
#: Records its arguments, and ends as it is told.
AWS = """#!/bin/sh
echo "$@" >> "$AWS_CALLS"
echo "An error occurred ($AWS_ERROR) when calling the PutObject operation"
[ -z "$AWS_ERROR" ]
"""


class Publish(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dist = pathlib.Path(folder.name)
        self.calls = self.dist / "calls"
        (self.dist / "aws").write_text(AWS)
        (self.dist / "aws").chmod(0o755)
        (self.dist / "template.cloudformation.yaml").write_text(TEMPLATE)
        (self.dist / "tidb-private-endpoint.zip").write_bytes(b"zip")

    def publish(self, *more, regions="us-east-1,eu-central-1", error=""):
        said = io.StringIO()
        environment = {"PATH": f"{self.dist}:{os.environ['PATH']}", "AWS_CALLS": str(self.calls), "AWS_ERROR": error}
        with mock.patch.dict(os.environ, environment), contextlib.redirect_stdout(said):
            publish.main("--buckets", "releases", "--regions", regions, "--dist", str(self.dist), *more)
        return said.getvalue()

    def test_a_dry_run_calls_nothing_and_prints_links(self):
        said = self.publish("--dry-run")
        self.assertFalse(self.calls.exists())
        key = f"tidb-private-endpoint/v{version.version()}/template.cloudformation.yaml"
        self.assertIn(f"--bucket releases-eu-central-1 --key {key}", said)
        [address] = [line.split("](")[1].split(")")[0] for line in said.splitlines() if line.startswith("| us-east-1 |")]
        query = urllib.parse.parse_qs(address.split("?")[-1])
        self.assertEqual(query, {"templateURL": [f"https://releases-us-east-1.s3.us-east-1.amazonaws.com/{key}"],
                                 "stackName": ["tidb-private-endpoint"]})

    def test_each_region_gets_its_objects(self):
        self.publish()
        calls = self.calls.read_text().splitlines()
        self.assertEqual(len(calls), 4)
        self.assertTrue(all(call.startswith("s3api put-object ") and "--if-none-match *" in call for call in calls))

    def test_a_release_that_is_there_stays(self):
        self.assertIn("It is there already and stays.", self.publish(error="PreconditionFailed"))

    def test_other_errors_end_it(self):
        with self.assertRaises(SystemExit) as ended:
            self.publish(error="AccessDenied")
        self.assertIn("could not be stored in releases-us-east-1: An error occurred (AccessDenied)", str(ended.exception))

    def test_wrong_arguments_are_rejected(self):
        with self.assertRaises(SystemExit) as ended:
            self.publish(regions="everywhere")
        self.assertEqual(str(ended.exception), "'everywhere' is not a Region.")
        (self.dist / "tidb-private-endpoint.zip").unlink()
        with self.assertRaises(SystemExit) as ended:
            self.publish()
        self.assertIn("has no zip file of the function", str(ended.exception))

    def test_the_template_knows_where_its_code_is(self):
        located = publish.located(TEMPLATE, "releases-us-east-1", "folder/function.zip")
        self.assertEqual(located, TEMPLATE.replace("    Default: tidb-private-endpoint.zip\n", "").replace(
            "  CodeBucket:\n", "  CodeBucket:\n    Default: releases-us-east-1\n").replace(
            "  CodeKey:\n", "  CodeKey:\n    Default: folder/function.zip\n"))
        with self.assertRaises(SystemExit):
            publish.located("Parameters: {}\n", "bucket", "key")


if __name__ == "__main__":
    unittest.main()
