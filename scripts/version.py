"""The version of the project, whose only source is Cargo.toml.

    python version.py             prints it
    python version.py set X.Y.Z   changes it everywhere: in Cargo.toml and in every file that repeats it
    python version.py check vX.Y.Z  fails if a tag is not that of the version, or the changelog has no notes for it
    python version.py notes       prints the release notes: the part of CHANGELOG.md about this version
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
#: The files that repeat the version, and how; `@` stands for the version.
PLACES = [
    ("Cargo.toml", '\nversion = "@"\n'),
    ("Cargo.lock", 'name = "tidb-private-endpoint"\nversion = "@"\n'),
    ("Cargo.lock", 'name = "ec2-sim"\nversion = "@"\n'),
    ("fuzz/Cargo.lock", 'name = "tidb-private-endpoint"\nversion = "@"\n'),
    ("template.yaml", "    SemanticVersion: @\n"),
    ("cdk/package.json", '  "version": "@",\n'),
    ("cdk/package-lock.json", '  "name": "cdk-tidb-private-endpoint",\n  "version": "@",\n'),
    ("cdk/package-lock.json", '      "name": "cdk-tidb-private-endpoint",\n      "version": "@",\n'),
    ("cdk/README.md", "cdk-tidb-private-endpoint-@.tgz"),
    ("cdk/README.md", "cdk_tidb_private_endpoint-@-py3-none-any.whl"),
    ("examples/cdk-python/requirements.txt", "cdk_tidb_private_endpoint-@-py3-none-any.whl"),
    ("examples/cdk-typescript/package.json", "cdk-tidb-private-endpoint-@.tgz"),
]


def version(root=ROOT):
    return re.search(r'(?m)^version = "(\d+\.\d+\.\d+)"$', (root / "Cargo.toml").read_text()).group(1)


def change(new, root=ROOT):
    """Replaces the version everywhere, or nowhere if a place is not as expected."""
    if not re.fullmatch(r"\d+\.\d+\.\d+", new):
        sys.exit(f"{new} is not a version such as 1.2.3.")
    old, changed = version(root), {}
    for name, form in PLACES:
        text = changed.get(name) or (root / name).read_text()
        if form.replace("@", old) not in text:
            sys.exit(f"{name} does not contain {form.replace('@', old).strip()!r}. Nothing was changed.")
        changed[name] = text.replace(form.replace("@", old), form.replace("@", new))
    for name, text in changed.items():
        (root / name).write_text(text)


def notes(root=ROOT):
    """The part of the changelog about the version, without its heading."""
    parts = re.split(r"(?m)^## (\S+).*\n", (root / "CHANGELOG.md").read_text())
    found = dict(zip(parts[1::2], parts[2::2])).get(version(root), "").strip()
    if not found:
        sys.exit(f"CHANGELOG.md has no text under a heading '## {version(root)} - YYYY-MM-DD'.")
    return found


def check(tag, root=ROOT):
    if tag != f"v{version(root)}":
        sys.exit(f"The tag is {tag}, but the version is {version(root)}. Run: python scripts/version.py set {tag.lstrip('v')}")
    notes(root)


def main(*arguments):
    match arguments:
        case ():
            print(version())
        case ("set", new):
            change(new)
        case ("check", tag):
            check(tag)
        case ("notes",):
            print(notes())
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
