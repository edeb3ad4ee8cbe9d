"""Tests of notices.py, with the crates of Cargo.lock."""

import re
import unittest

import notices
import package


class Notices(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root, cls.others, cls.used = notices.crates(notices.metadata())
        cls.names = {crate["name"] for crate in cls.others}

    def test_it_has_what_is_in_the_function_and_nothing_else(self):
        self.assertLessEqual({"aws-sdk-ec2", "ring", "rustls", "serde_json"}, self.names)
        self.assertFalse({"ec2-sim", "proptest", "saphyr-parser", package.BINARY} & self.names)
        lock = (package.ROOT / "Cargo.lock").read_text()
        for crate in self.others:
            self.assertIn(f'name = "{crate["name"]}"\nversion = "{crate["version"]}"\n', lock)

    def test_every_crate_has_a_license_and_ring_has_its_texts(self):
        self.assertEqual([crate["name"] for crate in self.others if not crate["license"]], [])
        text = notices.notices(self.others)
        for crate in self.others:
            self.assertIn(f"\n{crate['name']} {crate['version']}: ", text)
        self.assertRegex(text, r"(?m)^For [^\n]*\bring \d")
        self.assertIn("Permission to use, copy, modify, and/or distribute this software", text)
        self.assertNotIn(str(package.ROOT), text)

    def test_the_bill_of_materials_is_consistent_and_always_the_same(self):
        bill = notices.sbom(self.root, self.others, self.used)
        self.assertEqual(bill, notices.sbom(self.root, self.others, self.used))
        references = {one["bom-ref"] for one in bill["components"]} | {bill["metadata"]["component"]["bom-ref"]}
        self.assertEqual(len(references), len(self.others) + 1)
        self.assertEqual({one["ref"] for one in bill["dependencies"]}, references)
        self.assertLessEqual({ref for one in bill["dependencies"] for ref in one["dependsOn"]}, references)
        self.assertTrue(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", bill["serialNumber"]))


if __name__ == "__main__":
    unittest.main()
