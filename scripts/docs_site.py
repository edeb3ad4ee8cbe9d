"""Builds the documentation site in build/site from the Markdown files of the project, and fails for every broken link.

    python docs_site.py         the site of the files as they are
    python docs_site.py --all   a site for each release, in a folder with its name; the newest also at the root

The files keep their places, so that their links work on GitHub, too. Links to other files of the project, such as sources, go
to the repository if GITHUB_REPOSITORY has its name, and are plain text otherwise.
"""

import logging
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "build" / "site"
#: What the site shows, in the order of its menu. `*` stands for every language or folder.
PAGES = {
    "Start": ["README.md", "docs/how-it-works.md", "examples/cloudformation/README.md", "examples/sam/README.md",
              "examples/hub-and-spoke/README.md", "examples/cdk-typescript/README.md",
              "examples/cdk-python/README.md"],
    "Use": ["docs/installing.md", "docs/connection-check.md", "docs/asking.md", "docs/operations.md",
            "docs/troubleshooting.md", "docs/migrating.md", "docs/hub-and-spoke.md", "docs/faq.md"],
    "CDK": ["cdk/README.md", "cdk/API.md"],
    "Background": ["docs/sharing.md", "docs/performance.md", "SECURITY.md", "CHANGELOG.md", "CONTRIBUTING.md",
                   "docs/agent-skill/SKILL.md"],
}
#: Other files that the pages show, or that programs read.
FILES = ["docs/architecture.svg", "docs/performance-cold.svg", "docs/performance-growth.svg", "llms.txt", "LICENSE"]
LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
PICTURE = "![The provider, the endpoint, and TiDB Cloud](docs/architecture.svg)"


def slug(title, separator="-"):
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", separator)


def staged(text, page, root, repository, release):
    """A page with links that work on the site."""
    def link(match):
        words, target = match.groups()
        path = target.partition("#")[0]
        if not path or re.match(r"[a-z]+:", target):
            return match.group(0)
        file = os.path.normpath(os.path.join(os.path.dirname(page), path))
        if file in pages() or file in FILES:
            return match.group(0)
        if not (root / file).exists():
            raise SystemExit(f"{page} links to {target}, which does not exist.")
        return f"[{words}](https://github.com/{repository}/blob/{release}/{file})" if repository else words

    # The site has no scripts, so the picture stands for the diagram.
    text = re.sub(r"(?ms)^```mermaid\n.*?^```$", lambda _: PICTURE if page == "README.md" else "", text)
    # GitHub takes more words behind a fence than its language.
    text = indented(re.sub(r"(?m)^( *```\w+) .*$", r"\1", text))
    # What is between fences is not Markdown.
    parts = re.split(r"(?ms)(^ *```.*?^ *```$)", text)
    return "".join(part if part.lstrip().startswith("```") else LINK.sub(link, part) for part in parts)


def indented(text):
    """The contents of numbered lists with four spaces, which Python-Markdown requires; GitHub takes three."""
    lines, is_list = [], False
    for line in text.split("\n"):
        if line and not line.startswith(" "):
            is_list = bool(re.match(r"\d+\. ", line))
        lines.append(f" {line}" if is_list and line.startswith("   ") else line)
    return "\n".join(lines)


def pages():
    return [page for group in PAGES.values() for page in group]


def title(text):
    """The first heading; that of a file with front matter is behind it."""
    found = re.search(r"(?m)^# (.+)$", re.sub(r"(?s)\A---\n.*?\n---\n", "", text))
    return found.group(1).replace("`", "") if found else None


def build(root, target, release, repository=os.environ.get("GITHUB_REPOSITORY", "")):
    """Builds the site of one version of the project. Fails for every warning."""
    from mkdocs.commands.build import build as make
    from mkdocs.config import load_config

    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "source"
        menu = []
        for name, group in PAGES.items():
            entries = []
            for page in group:
                if not (root / page).exists():  # An older release.
                    continue
                text = staged((root / page).read_text(), page, root, repository, release)
                (source / page).parent.mkdir(parents=True, exist_ok=True)
                (source / page).write_text(text)
                entries.append({title(text): page})
            menu.append({name: entries})
        for file in FILES:
            if (root / file).exists():
                (source / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(root / file, source / file)
        config = load_config(
            str(write(pathlib.Path(folder) / "mkdocs.yml", "site_name: tidb-private-endpoint\n")),
            docs_dir=str(source), site_dir=str(target), strict=True, nav=menu,
            site_name=f"tidb-private-endpoint {release}", site_url=os.environ.get("SITE_URL", ""),
            theme={"name": "mkdocs", "highlightjs": False, "navigation_depth": 3},
            markdown_extensions=["tables", "pymdownx.superfences", "sane_lists", {"toc": {"slugify": slug, "toc_depth": 3}}],
            plugins=["search"],
            validation={"nav": {"omitted_files": "warn"}, "links": {"anchors": "warn", "unrecognized_links": "warn"}})
        make(config)


def write(path, text):
    path.write_text(text)
    return path


def check_llms(root):
    """The files in llms.txt exist."""
    for _, target in LINK.findall((root / "llms.txt").read_text()):
        if not (root / target).exists():
            raise SystemExit(f"llms.txt links to {target}, which does not exist.")


def releases():
    """The tags of releases that have a site, the newest first."""
    tags = subprocess.run(["git", "tag", "--list", "v*.*.*", "--sort=-version:refname"], cwd=ROOT, check=True, text=True,
                          stdout=subprocess.PIPE).stdout.split()
    has_site = lambda tag: subprocess.run(["git", "cat-file", "-e", f"{tag}:scripts/docs_site.py"], cwd=ROOT,
                                          stderr=subprocess.DEVNULL).returncode == 0
    tags = [tag for tag in tags if has_site(tag)]
    if not tags:
        raise SystemExit("There is no release, so there is no site of one.")
    return tags


def build_all(target):
    tags = releases()
    for tag in tags:
        with tempfile.TemporaryDirectory() as folder:
            files = subprocess.run(["git", "archive", tag], cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout
            subprocess.run(["tar", "--extract", "--directory", folder], input=files, check=True)
            build(pathlib.Path(folder), target / tag, tag)
            if tag == tags[0]:
                shutil.copytree(target / tag, target, dirs_exist_ok=True)
    (target / "versions.txt").write_text("\n".join(tags) + "\n")


def main(*arguments):
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    if arguments not in ((), ("--all",)):
        sys.exit(__doc__)
    shutil.rmtree(TARGET, ignore_errors=True)
    if arguments:
        build_all(TARGET)
    else:
        check_llms(ROOT)
        build(ROOT, TARGET, "main")
    print(f"The site is in {TARGET.relative_to(ROOT)}.")


if __name__ == "__main__":
    main(*sys.argv[1:])
