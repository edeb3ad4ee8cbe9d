"""Tests of version.py, in a copy of the files that repeat the version."""

import contextlib
import pathlib
import shutil
import tempfile
import unittest

import version


class Version(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in {name for name, _ in version.PLACES} | {"CHANGELOG.md"}:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(version.ROOT / name, self.root / name)

    @contextlib.contextmanager
    def ends(self, with_words):
        with self.assertRaises(SystemExit) as ended:
            yield
        self.assertIn(with_words, str(ended.exception))

    def test_every_place_is_changed_and_back(self):
        old = version.version()
        before = {name: (self.root / name).read_text() for name, _ in version.PLACES}
        version.change("98.76.54", self.root)
        self.assertEqual(version.version(self.root), "98.76.54")
        for name, text in before.items():
            self.assertIn("98.76.54", (self.root / name).read_text(), name)
            self.assertEqual((self.root / name).read_text().replace("98.76.54", old), text, name)

    def test_nothing_is_changed_if_a_place_is_missing(self):
        readme = self.root / "cdk" / "README.md"
        readme.write_text("")
        with self.ends("cdk/README.md does not contain"):
            version.change("98.76.54", self.root)
        self.assertEqual(version.version(self.root), version.version())

    def test_what_is_not_a_version_is_rejected(self):
        for wrong in ("v1.2.3", "1.2", "1.2.3-rc1", ""):
            with self.ends("is not a version"):
                version.change(wrong, self.root)

    def test_a_tag_needs_its_version_and_notes(self):
        version.change("98.76.54", self.root)
        with self.ends("The tag is v1.0.0, but the version is 98.76.54"):
            version.check("v1.0.0", self.root)
        with self.ends("CHANGELOG.md has no text under a heading '## 98.76.54"):
            version.check("v98.76.54", self.root)
        changelog = self.root / "CHANGELOG.md"
        changelog.write_text("# Changelog\n\n## Unreleased\n\n- Later.\n\n## 98.76.54 - 2026-12-01\n\n- Now.\n\n## 1.0.0 - 2026-11-01\n\n- Before.\n")
        version.check("v98.76.54", self.root)
        self.assertEqual(version.notes(self.root), "- Now.")


if __name__ == "__main__":
    unittest.main()
