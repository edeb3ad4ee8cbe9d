"""Runs commands of the documents as they are written there.

They use the AWS CLI, which is not installed. This module puts a small `aws` in its place, which finds operations, options,
and their types in the models of the AWS SDK, as the AWS CLI does, and refuses what it does not find there.

`python shell.py aws SERVICE OPERATION …` is that program. It knows `--query`, `--output text`, and the options of the AWS CLI
itself that the documents use.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
#: Options of the AWS CLI (version 2) itself that change nothing here, and whether they have a value.
IGNORED = {"--cli-read-timeout": True, "--cli-binary-format": True, "--no-cli-pager": False}


def blocks(document, heading):
    """The shell commands under a heading of a document."""
    text = (ROOT / document).read_text()
    _, section = text.split(f"\n{heading}\n", 1)
    section = re.split(r"\n#{1,%d} " % heading.count("#"), section)[0]
    found = re.findall(r"(?ms)^( *)```sh\n(.*?)^ *```$", section)
    if not found:
        raise RuntimeError(f"{document} has no commands under {heading}.")
    return ["\n".join(line.removeprefix(indent) for line in block.splitlines()) for indent, block in found]


class Shell:
    """A shell in which `aws` is the program below, and which keeps its folder."""

    def __init__(self, aws, region):
        self._folder = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self._folder.name)
        tools = self.folder / "bin"
        tools.mkdir()
        script = tools / "aws"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE / "shell.py"}" aws "$@"\n')
        script.chmod(0o755)
        if shutil.which("jq") is None:  # What the documents need of it.
            (tools / "jq").write_text(f"#!{sys.executable}\nimport json, sys\n_, raw, query, file = sys.argv\n"
                                      "answer = json.load(open(file))\n"
                                      "print(answer.get('Text') or answer.get('errorMessage'))\n")
            (tools / "jq").chmod(0o755)
        self._environment = {"PATH": f"{tools}:{os.environ.get('PATH', '/usr/bin:/bin')}", "AWS_ENDPOINT_URL": aws,
                             "AWS_DEFAULT_REGION": region, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
                             "HOME": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._folder.cleanup()

    def run(self, *commands):
        """Runs commands in one shell, and returns what they print."""
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(commands)], cwd=self.folder, text=True,
                              env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
        if done.returncode:
            raise RuntimeError(f"exit code {done.returncode}: {commands}\n{done.stdout}")
        return done.stdout

    def answer(self):
        """The file that the documents let the function's answer be written to."""
        return json.loads((self.folder / "answer.json").read_text())


def aws(arguments):
    import boto3
    import jmespath
    from botocore import xform_name
    from botocore.config import Config

    service, operation, *rest = arguments
    client = boto3.client(service, config=Config(read_timeout=600, retries={"total_max_attempts": 1}))
    names = {xform_name(name, "-"): name for name in client.meta.service_model.operation_names}
    model = client.meta.service_model.operation_model(names[operation])
    options = {f"--{xform_name(name, '-')}": (name, shape) for name, shape in model.input_shape.members.items()}
    given, files, query, output = {}, [], None, "json"
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            files.append(word)
        elif word in IGNORED:
            rest = rest[1:] if IGNORED[word] else rest
        elif word == "--query":
            query = jmespath.compile(rest.pop(0))
        elif word == "--output":
            output = rest.pop(0)
        elif word in options:
            name, shape = options[word]
            values = []
            while rest and not rest[0].startswith("--") and (shape.type_name == "list" or not values):
                values.append(rest.pop(0))
            given[name] = values if shape.type_name == "list" else values[0]
        else:
            sys.exit(f"aws {service} {operation}: unknown option {word}")
    response = getattr(client, xform_name(names[operation]))(**given)
    response.pop("ResponseMetadata", None)
    for file in files:  # `lambda invoke` writes the payload to a file.
        pathlib.Path(file).write_bytes(response.pop("Payload").read())
    response = query.search(response) if query else response
    if output == "text":
        print("\t".join(map(str, response)) if isinstance(response, list) else response)
    elif response:
        print(json.dumps(response, indent=4, default=str))


if __name__ == "__main__":
    if sys.argv[1:2] != ["aws"]:
        sys.exit(__doc__)
    aws(sys.argv[2:])
