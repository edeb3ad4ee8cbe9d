"""What is pinned in several places is the same everywhere, and nothing is used without a pin."""

import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
IMAGE = re.compile(r"\b([a-z]+:[0-9][\w.-]*)@(sha256:[0-9a-f]{64})\b")


def project_files():
    """All files but those that tools have written."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in ("node_modules", "target", "build", "dist", "cdk.out")
                      and not name.startswith((".venv", ".git", ".run"))]
        yield from (pathlib.Path(folder) / name for name in files)


def used(pattern):
    return {match for file in WORKFLOWS for match in re.findall(pattern, file.read_text())}


class Pins(unittest.TestCase):
    def test_every_action_is_pinned_to_one_commit(self):
        actions = used(r"uses: (\S+@\S+) +# (v\S+)")
        self.assertEqual(len(actions), len(used(r"uses: (?!\./)(\S+)")))
        for action, _ in actions:
            self.assertRegex(action, r"@[0-9a-f]{40}$")
        names = [action.split("@")[0] for action, _ in actions]
        self.assertEqual(sorted(names), sorted(set(names)), "each action has one version")

    def test_every_image_has_one_digest(self):
        files = [*WORKFLOWS, ROOT / ".devcontainer" / "Dockerfile"]
        digests = {}
        for file in files:
            text = file.read_text()
            for image, digest in IMAGE.findall(text):
                self.assertEqual(digests.setdefault(image, digest), digest, f"{image} in {file.name}")
            # FROM and `container:` name nothing else.
            for name in re.findall(r"(?m)^(?:FROM|\s+container:) (\S+)", text):
                self.assertRegex(name, IMAGE)
        self.assertEqual({image.split(":")[0] for image in digests}, {"amazonlinux", "node", "rust"})

    def test_versions_of_languages_agree(self):
        dockerfile = (ROOT / ".devcontainer" / "Dockerfile").read_text()
        node = (ROOT / ".nvmrc").read_text().strip()
        self.assertIn(f"FROM node:{node}-bookworm-slim@", dockerfile)
        rust = re.search(r'(?m)^channel = "(.+)"$', (ROOT / "rust-toolchain.toml").read_text()).group(1)
        self.assertRegex(dockerfile, rf"FROM rust:{re.escape(rust)}[\d.]*-bookworm@")

    def test_every_lock_file_and_pin_is_kept_up_to_date(self):
        config = (ROOT / ".github" / "dependabot.yml").read_text()
        files = [file.relative_to(ROOT) for file in project_files()
                 if file.name in ("Cargo.lock", "package.json") or file.name.endswith("requirements.txt")]
        self.assertGreater(len(files), 10)
        for file in files:
            folder = f"/{file.parent}".replace("/.", "/")
            self.assertRegex(config, rf"(?m)[\[ ]{re.escape(folder)}(\]|,|$)", str(file))


if __name__ == "__main__":
    unittest.main()
