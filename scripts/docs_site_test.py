"""Tests of docs_site.py: what it does to links. `make site` builds the site, and fails for every broken link."""

import contextlib
import pathlib
import re
import unittest

import docs_site

ROOT = docs_site.ROOT


class Pages(unittest.TestCase):
    def staged(self, text, page="docs/asking.md", repository="owner/name"):
        return docs_site.staged(text, page, ROOT, repository, "v1.2.3")

    @contextlib.contextmanager
    def ends(self, with_words):
        with self.assertRaises(SystemExit) as ended:
            yield
        self.assertIn(with_words, str(ended.exception))

    def test_links_to_pages_stay(self):
        for link in ("[a](operations.md#outcomes)", "[b](../README.md)", "[c](https://example.com/x)", "[d](#limits)"):
            self.assertEqual(self.staged(link), link)

    def test_links_to_sources_go_to_the_repository_if_there_is_one(self):
        self.assertEqual(self.staged("See [the `schema`](../schema/ask.json)."),
                         "See [the `schema`](https://github.com/owner/name/blob/v1.2.3/schema/ask.json).")
        self.assertEqual(self.staged("[src/](../src/lib.rs)", repository=""), "src/")

    def test_a_link_to_nothing_is_an_error(self):
        with self.ends("docs/asking.md links to ../nothing.md"):
            self.staged("[x](../nothing.md)")

    def test_code_is_left_alone(self):
        code = "```sh\necho [x](nothing.md)\n```"
        self.assertEqual(self.staged(code), code)

    def test_lists_and_fences_are_as_the_generator_wants_them(self):
        text = "1. One\n\n   ```yaml\n   A:\n     B: 1\n   ```\n\nText\n\n```ts fragment\n   x\n```"
        self.assertEqual(self.staged(text),
                         "1. One\n\n    ```yaml\n    A:\n      B: 1\n    ```\n\nText\n\n```ts\n   x\n```")

    def test_anchors_are_those_of_github(self):
        for heading, anchor in (("API key of TiDB Cloud", "api-key-of-tidb-cloud"), ("Connection check: TLS", "connection-check-tls"),
                                ("Permissions, quotas, and other EC2 errors", "permissions-quotas-and-other-ec2-errors")):
            self.assertEqual(docs_site.slug(heading), anchor)

    def test_every_document_is_a_page(self):
        documents = {str(path.relative_to(ROOT)) for folder in ("docs", "cdk", "examples", ".") for path in
                     (ROOT / folder).glob("*.md" if folder in (".", "cdk") else "**/*.md")
                     if "node_modules" not in path.parts and "cdk.out" not in path.parts and ".venv" not in path.parts}
        # The readme of the Serverless Application Repository says the same in short.
        self.assertEqual(documents - set(docs_site.pages()), {"docs/SAR.md"})
        for page in docs_site.pages():
            self.assertTrue(docs_site.title((ROOT / page).read_text()), page)

    def test_the_list_for_language_models_is_true(self):
        docs_site.check_llms(ROOT)
        listed = set(re.findall(r"\]\(([^)]+)\)", (ROOT / "llms.txt").read_text()))
        guides = {page for page in docs_site.pages() if page.startswith("docs/")} - {"docs/performance.md"}
        self.assertEqual(guides - listed, set(), "llms.txt lists every guide")

    def test_the_skill_shows_the_commands_of_the_guide(self):
        guide, skill = ((ROOT / name).read_text() for name in ("docs/asking.md", "docs/agent-skill/SKILL.md"))
        [ask] = re.findall(r"(?ms)^```sh\n(FUNCTION=.*?\n}\n)", skill)
        self.assertIn(ask, guide)
        [plan] = re.findall(r"(?ms)^   ```sh\n(.*?)^   ```", skill)
        self.assertIn("\n".join(line[3:] for line in plan.splitlines()), guide)
        self.assertRegex(skill, r"\A---\nname: [a-z-]+\ndescription: .+\n---\n")


if __name__ == "__main__":
    unittest.main()
