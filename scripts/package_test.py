"""What package.py must refuse, and what it promises of the zip. The function itself is not built here."""

import os
import pathlib
import tempfile
import unittest
import zipfile
from unittest import mock

import package

#: As much of a Linux program for x86_64 as the checks look at.
PROGRAM = b"\x7fELF\x02\x01".ljust(18, b"\0") + (62).to_bytes(2, "little") + b"\0GLIBC_2.17\0GLIBC_2.34\0"


class Zip(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.archive = pathlib.Path(folder.name) / "function.zip"

    def faults(self, binary=PROGRAM, processor="x86_64"):
        package.write_zip(self.archive, binary)
        return package.check(self.archive, processor)

    def test_what_lambda_can_run_has_no_faults(self):
        self.assertEqual(self.faults(), [])

    def test_the_same_program_gives_the_same_bytes_at_any_time(self):
        self.faults()
        first = self.archive.read_bytes()
        with mock.patch("time.time", return_value=2_000_000_000), mock.patch("time.localtime", side_effect=AssertionError):
            self.faults()
        self.assertEqual(self.archive.read_bytes(), first)

    def test_unzipping_gives_an_executable_bootstrap(self):
        self.faults()
        with zipfile.ZipFile(self.archive) as file:
            self.assertEqual([(entry.filename, oct(entry.external_attr >> 16))
                              for entry in file.infolist()], [("bootstrap", "0o100755")])

    def test_a_zip_without_bootstrap_is_refused(self):
        with zipfile.ZipFile(self.archive, "w") as file:
            file.writestr("bin/bootstrap", PROGRAM)
        self.assertEqual(package.check(self.archive, "x86_64"),
                         ["It has ['bin/bootstrap'], and no bootstrap at its root."])

    def test_a_bootstrap_that_is_not_executable_is_refused(self):
        with zipfile.ZipFile(self.archive, "w") as file:
            file.writestr("bootstrap", PROGRAM)
        self.assertEqual(package.check(self.archive, "x86_64"), ["bootstrap is not executable for everybody."])

    def test_a_program_for_another_processor_is_refused(self):
        self.assertEqual(self.faults(processor="arm64"), ["bootstrap is not a Linux program for arm64."])
        self.assertEqual(self.faults(b"#!/bin/sh\n"), ["bootstrap is not a Linux program for x86_64."])

    def test_a_newer_glibc_than_lambdas_is_refused(self):
        [fault] = self.faults(PROGRAM + b"GLIBC_2.4\0GLIBC_2.39\0")
        self.assertIn("needs glibc 2.39, and Amazon Linux 2023 has 2.34", fault)

    def test_a_zip_that_is_too_big_is_refused(self):
        [fault] = self.faults(PROGRAM + os.urandom(package.SIZE_MAX))
        self.assertIn("4,000,000 are the limit", fault)

    def test_a_program_that_names_the_builders_folders_is_refused(self):
        for folder in package.builders_folders().values():
            with self.subTest(folder=folder):
                self.assertIn(f"bootstrap names the folder {folder} of this computer.",
                              self.faults(PROGRAM + f"{folder}/src/main.rs".encode()))


class Template(unittest.TestCase):
    def test_it_has_the_zip_and_the_processor(self):
        template = package.template_for("function-arm64.zip", "arm64")
        self.assertIn("CodeUri: function-arm64.zip\n", template)
        self.assertRegex(template, r"  Architecture:\n    Type: String\n    Default: arm64\n")

    def test_another_template_is_not_guessed_at(self):
        with mock.patch("pathlib.Path.read_text", return_value="Resources: {}\n"), self.assertRaises(SystemExit) as ended:
            package.template_for("function.zip", "x86_64")
        self.assertEqual(str(ended.exception), "template.yaml must hold `CodeUri: .` exactly once.")


class Tools(unittest.TestCase):
    def ended(self, function, *arguments):
        with self.assertRaises(SystemExit) as ended:
            function(*arguments)
        return str(ended.exception)

    def test_what_is_missing_is_named(self):
        target = "aarch64-unknown-linux-gnu"
        with mock.patch("shutil.which", return_value=None):
            self.assertIn("cargo is missing", self.ended(package.need_tools, target, {}))
        with mock.patch.object(package, "output", return_value="/nowhere"):
            self.assertEqual(self.ended(package.need_tools, target, {}),
                             f"Rust's standard library for {target} is missing: rustup target add {target}")
        native = mock.patch("shutil.which", side_effect=lambda tool: None if tool.endswith("-gcc") else tool)
        with mock.patch.object(package, "output", return_value="/"), native:
            said = self.ended(package.need_tools, target, {})
        self.assertIn("aarch64-linux-gnu-gcc (on Debian and Ubuntu: the package gcc-aarch64-linux-gnu)", said)

    def test_a_linker_that_is_there_or_named_is_taken(self):
        variable = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER"
        with mock.patch.object(package, "output", return_value="/"), mock.patch("shutil.which", return_value="/bin/cc"):
            for given, taken in [({}, "/bin/cc"), ({variable: "mine"}, "mine")]:
                package.need_tools("aarch64-unknown-linux-gnu", given)
                self.assertEqual(given, {variable: taken})

    def test_an_unknown_processor_is_refused(self):
        self.assertEqual(self.ended(package.main, "riscv64"), "ARCH=riscv64: there are x86_64 and arm64.")


if __name__ == "__main__":
    unittest.main()
