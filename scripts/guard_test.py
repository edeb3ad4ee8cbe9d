"""AWS CloudFormation Guard with the proactive controls of AWS Control Tower, on the template as an organization that uses them
deploys it. Requires Node.js; `make` installs both from npm."""

import json
import platform
import subprocess
import tempfile
import unittest

import cloudformation_template as generated
from cloudformation_template_test import TEMPLATE, resolved

PACKAGE = generated.ROOT / "scripts" / "guard" / "node_modules" / "@cdklabs" / "cdk-validator-cfnguard"
MACHINE = {"arm64": "aarch64"}.get(platform.machine(), platform.machine())
GUARD = PACKAGE / "bin" / ("macos" if platform.system() == "Darwin" else "ubuntu") / MACHINE / "cfn-guard"
RULES = PACKAGE / "rules" / "control-tower" / "cfn-guard"
#: The controls of Guard cannot be suppressed in a template.
EXCEPTIONS = {"lambda_inside_vpc_check": "The function calls only public APIs. In a VPC, it would need a NAT gateway to respond."}


@unittest.skipUnless(GUARD.is_file(), "CloudFormation Guard is not installed")
class Guard(unittest.TestCase):
    def failed(self, template):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(template, file)
            file.flush()
            command = [GUARD, "validate", "--data", file.name, "--rules", RULES, "--structured", "--output-format", "json",
                       "--show-summary", "none"]
            ran = subprocess.run(command, capture_output=True, text=True)
        (report,) = json.loads(ran.stdout)
        self.assertGreater(len(report["compliant"]), 5, ran.stderr)
        return {rule["Rule"]["name"] for rule in report["not_compliant"]}

    def test_the_template_complies_with_the_controls(self):
        self.assertEqual(self.failed({**TEMPLATE, "Resources": organization()}), set(EXCEPTIONS))

    def test_the_controls_are_checked(self):
        resources = organization()
        del resources["LogGroup"]["Properties"]["KmsKeyId"]
        self.assertEqual(self.failed({**TEMPLATE, "Resources": resources}) - set(EXCEPTIONS),
                         {"cloudwatch_log_group_encrypted_check"})


def organization():
    """The resources with every option. The controls do not know the values of parameters, so these are filled in."""
    resources = {name: {"Type": one["Type"], "Properties": resolved(one["Properties"], True)}
                 for name, one in TEMPLATE["Resources"].items()}
    for name in ("LogGroup", "CheckLogGroup"):
        resources[name]["Properties"]["RetentionInDays"] = 365
    return resources


if __name__ == "__main__":
    unittest.main()
