"""Tests of package.py: what it rejects, and the guarantees for the zip file. The function itself is not built."""

import os
import pathlib
import re
import tempfile
import unittest
import zipfile
from unittest import mock

import package

#: The parts of a Linux executable for x86_64 that the checks read.
PROGRAM = b"\x7fELF\x02\x01".ljust(18, b"\0") + (62).to_bytes(2, "little") + b"\0GLIBC_2.17\0GLIBC_2.34\0"


class Zip(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.archive = pathlib.Path(folder.name) / "function.zip"

    def faults(self, binary=PROGRAM, processor="x86_64"):
        package.write_zip(self.archive, binary)
        return package.check(self.archive, processor)

    def test_a_valid_function_passes(self):
        self.assertEqual(self.faults(), [])

    def test_the_zip_does_not_depend_on_the_time(self):
        self.faults()
        first = self.archive.read_bytes()
        with mock.patch("time.time", return_value=2_000_000_000), mock.patch("time.localtime", side_effect=AssertionError):
            self.faults()
        self.assertEqual(self.archive.read_bytes(), first)

    def test_the_zip_contains_an_executable_bootstrap(self):
        self.faults()
        with zipfile.ZipFile(self.archive) as file:
            self.assertEqual([(entry.filename, oct(entry.external_attr >> 16))
                              for entry in file.infolist()], [("bootstrap", "0o100755")])

    def test_a_zip_without_bootstrap_is_rejected(self):
        with zipfile.ZipFile(self.archive, "w") as file:
            file.writestr("bin/bootstrap", PROGRAM)
        self.assertEqual(package.check(self.archive, "x86_64"),
                         ["The zip file contains ['bin/bootstrap'], but no bootstrap at its root."])

    def test_a_bootstrap_that_is_not_executable_is_rejected(self):
        with zipfile.ZipFile(self.archive, "w") as file:
            file.writestr("bootstrap", PROGRAM)
        self.assertEqual(package.check(self.archive, "x86_64"), ["bootstrap is not executable by all users."])

    def test_a_program_for_another_architecture_is_rejected(self):
        self.assertEqual(self.faults(processor="arm64"), ["bootstrap is not a Linux executable for arm64."])
        self.assertEqual(self.faults(b"#!/bin/sh\n"), ["bootstrap is not a Linux executable for x86_64."])

    def test_a_newer_glibc_than_that_of_lambda_is_rejected(self):
        [fault] = self.faults(PROGRAM + b"GLIBC_2.4\0GLIBC_2.39\0")
        self.assertIn("requires glibc 2.39, but Amazon Linux 2023 has 2.34", fault)

    def test_a_zip_that_is_too_large_is_rejected(self):
        [fault] = self.faults(PROGRAM + os.urandom(package.SIZE_MAX))
        self.assertIn("the limit is 4,000,000", fault)

    def test_a_program_that_contains_paths_of_the_build_machine_is_rejected(self):
        for folder in package.builders_folders().values():
            with self.subTest(folder=folder):
                self.assertIn(f"bootstrap contains the path {folder} of this machine.",
                              self.faults(PROGRAM + f"{folder}/src/main.rs".encode()))


class Template(unittest.TestCase):
    def test_it_has_the_zip_and_the_architecture(self):
        template = package.template_for("function-arm64.zip", "arm64")
        self.assertEqual(template.count("CodeUri: function-arm64.zip\n"), 2)
        self.assertEqual(re.findall(r"(?:License|Readme)Url: (.+)", template), ["LICENSE", "SAR.md"])
        self.assertRegex(template, r"  Architecture:\n    Type: String\n    Default: arm64\n")

    def test_the_one_for_plain_cloudformation_has_the_key_and_the_architecture(self):
        template = package.plain_template_for("function-arm64.zip", "arm64")
        self.assertRegex(template, r"  CodeKey:\n    Type: String\n    Default: function-arm64.zip\n")
        self.assertRegex(template, r"  Architecture:\n    Type: String\n    Default: arm64\n")

    def test_an_unexpected_template_is_rejected(self):
        with mock.patch("pathlib.Path.read_text", return_value="Resources: {}\n"), self.assertRaises(SystemExit) as ended:
            package.template_for("function.zip", "x86_64")
        self.assertEqual(str(ended.exception), "template.yaml must contain `CodeUri: .` 2 times.")


class System(unittest.TestCase):
    def test_the_version_of_glibc_is_that_of_the_system(self):
        for said, version in (("glibc 2.36", (2, 36)), ("glibc 2.41.9000", (2, 41)), (None, None)):
            with mock.patch("os.confstr", return_value=said):
                self.assertEqual(package.glibc(), version)
        with mock.patch("os.confstr", side_effect=ValueError):  # macOS
            self.assertIsNone(package.glibc())


class Tools(unittest.TestCase):
    def ended(self, function, *arguments):
        with self.assertRaises(SystemExit) as ended:
            function(*arguments)
        return str(ended.exception)

    def setUp(self):
        of_system = mock.patch.object(package, "glibc", return_value=(2, 36))
        of_system.start()
        self.addCleanup(of_system.stop)

    def test_a_system_whose_programs_lambda_cannot_run_is_rejected_before_the_build(self):
        for version, found in (((2, 37), "glibc 2.37"), ((2, 41), "glibc 2.41"), (None, "no glibc")):
            with mock.patch.object(package, "glibc", return_value=version), mock.patch("subprocess.run") as run:
                said = self.ended(package.build, "x86_64")
            self.assertIn(f"This system has {found}, but", said)
            self.assertIn("development container", said)
            run.assert_not_called()

    def test_a_specified_linker_may_have_another_glibc(self):
        given = {"CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER": "mine"}
        with mock.patch.object(package, "glibc", return_value=(2, 41)), \
                mock.patch.object(package, "output", return_value="/"), mock.patch("shutil.which", return_value="/bin/cc"):
            package.need_tools("x86_64-unknown-linux-gnu", given)

    def test_missing_tools_are_reported(self):
        target = "aarch64-unknown-linux-gnu"
        with mock.patch("shutil.which", return_value=None):
            self.assertIn("cargo was not found", self.ended(package.need_tools, target, {}))
        with mock.patch.object(package, "output", return_value="/nowhere"):
            self.assertEqual(self.ended(package.need_tools, target, {}),
                             f"The Rust standard library for {target} is not installed. Run: rustup target add {target}")
        native = mock.patch("shutil.which", side_effect=lambda tool: None if tool.endswith("-gcc") else tool)
        with mock.patch.object(package, "output", return_value="/"), native:
            said = self.ended(package.need_tools, target, {})
        self.assertIn("aarch64-linux-gnu-gcc, was not found. Install it (on Debian and Ubuntu, the package "
                      "gcc-aarch64-linux-gnu)", said)

    def test_an_installed_or_specified_linker_is_used(self):
        variable = "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER"
        with mock.patch.object(package, "output", return_value="/"), mock.patch("shutil.which", return_value="/bin/cc"):
            for given, taken in [({}, "/bin/cc"), ({variable: "mine"}, "mine")]:
                package.need_tools("aarch64-unknown-linux-gnu", given)
                self.assertEqual(given, {variable: taken})

    def test_an_unknown_architecture_is_rejected(self):
        self.assertEqual(self.ended(package.main, "riscv64"), "ARCH=riscv64 is not supported. Specify x86_64 or arm64.")


if __name__ == "__main__":
    unittest.main()
