"""Tests of cloudformation_template.py, and of the limits of CloudFormation and IAM that the templates have to keep."""

import copy
import json
import re
import unittest

import cloudformation_template as generated
from samtranslator.yaml_helper import yaml_parse

#: What CloudFormation accepts without a bucket, for example with `create-stack --template-body`.
TEMPLATE_BODY_MAX = 51_200
PARAMETERS_MAX = OUTPUTS_MAX = 200
#: All inline policies of a role together. IAM does not count white space.
INLINE_POLICIES_MAX = 10_240
#: What service-managed StackSets reject, besides transforms: nested stacks.
NOT_IN_STACK_SETS = ("AWS::CloudFormation::Stack", "AWS::CloudFormation::Macro")

#: The documentation of Lambda and of AWS PrivateLink ("CloudWatch metrics for AWS PrivateLink") has these.
METRICS_OF_AWS = {("AWS/Lambda", "Errors"), ("AWS/Lambda", "Throttles"), *(
    ("AWS/PrivateLinkEndpoints", name) for name in ("BytesProcessed", "PacketsDropped", "ActiveConnections", "NewConnections",
                                                    "RstPacketsReceived"))}
#: Attributes that repeat a parameter or another output.
NOT_OUTPUTS = {"VpcId", "PrivateDnsName", "ZonalDnsNames", "DnsEntries", "CreationTimestamp", "UserPrefix"}

SOURCE = yaml_parse(generated.TEMPLATE.read_text())
TEMPLATE = yaml_parse(generated.TARGET.read_text())


def table(heading):
    """The names in the first column of a table of the README."""
    _, _, section = (generated.ROOT / "README.md").read_text().partition(f"\n## {heading}\n")
    return re.findall(r"(?m)^\| `(\w+)` \|", section.partition("\n## ")[0])


def resolved(value, conditions):
    """A value with its conditions decided and every reference replaced by a name."""
    if isinstance(value, list):
        return [one for one in (resolved(item, conditions) for item in value) if one is not None]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, then, otherwise = value["Fn::If"]
        return resolved(then if conditions else otherwise, conditions)
    if value == {"Ref": "AWS::NoValue"}:
        return None
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name in ("Ref", "Fn::GetAtt", "Fn::Select"):
            return "x" * 100  # Longer than most ARNs.
        if name == "Fn::Sub":
            text, variables = (argument, {}) if isinstance(argument, str) else argument
            for variable, its in variables.items():
                text = text.replace(f"${{{variable}}}", resolved(its, conditions))
            return text.replace("${!", "{").replace("${", "{")
    pairs = {name: resolved(item, conditions) for name, item in value.items()}
    return {name: item for name, item in pairs.items() if item is not None}


class Template(unittest.TestCase):
    def test_it_is_up_to_date(self):
        for file, template in ((generated.TARGET, generated.converted()), (generated.ROLES, generated.roles())):
            self.assertEqual(file.read_text(), generated.text(template),
                             "template.yaml has changed. Run `make template`, and review the difference.")

    def test_reading_it_results_in_what_was_converted(self):
        self.assertEqual(json.dumps(TEMPLATE, sort_keys=True), json.dumps(generated.converted(), sort_keys=True))

    def test_it_is_the_same_as_the_source_except_for_the_functions(self):
        ours, theirs = copy.deepcopy(TEMPLATE), copy.deepcopy(SOURCE)
        del theirs["Transform"], theirs["Metadata"], ours["Metadata"]
        for name in ("CodeBucket", "CodeKey"):
            del ours["Parameters"][name]
        functions = [name for name, one in theirs["Resources"].items() if one["Type"] == "AWS::Serverless::Function"]
        self.assertEqual(len(functions), 2)
        for name in functions:
            one, other = (template["Resources"].pop(name) for template in (ours, theirs))
            self.assertEqual((one["Type"], one.get("Condition")), ("AWS::Lambda::Function", other.get("Condition")))
            code = {"S3Bucket": {"Ref": "CodeBucket"}, "S3Key": {"Ref": "CodeKey"}}
            self.assertEqual(one["Properties"].pop("Code"), code)
            del other["Properties"]["CodeUri"]
            if "Tracing" in other["Properties"]:
                other["Properties"]["TracingConfig"] = {"Mode": other["Properties"].pop("Tracing")}
            self.assertEqual(one["Properties"], other["Properties"])
            self.assertEqual(one["Metadata"], {"checkov": other["Metadata"]["checkov"]})
        self.assertEqual(ours, theirs)

    def test_it_keeps_the_limits_of_cloudformation(self):
        size = len(generated.TARGET.read_bytes())
        self.assertLessEqual(size, TEMPLATE_BODY_MAX)
        self.assertLessEqual(len(TEMPLATE["Parameters"]), PARAMETERS_MAX)
        self.assertLessEqual(len(TEMPLATE["Outputs"]), OUTPUTS_MAX)

    def test_it_works_in_service_managed_stack_sets(self):
        self.assertNotIn("Transform", TEMPLATE)
        self.assertNotIn("Fn::Transform", generated.TARGET.read_text())
        kinds = {one["Type"] for one in TEMPLATE["Resources"].values()}
        self.assertEqual([kind for kind in kinds if kind in NOT_IN_STACK_SETS or "Serverless" in kind], [])
        # In a StackSet, all stacks have the same parameters, so no name may be the same in two accounts or Regions.
        for name, resource in TEMPLATE["Resources"].items():
            for key in ("RoleName", "FunctionName", "TopicName"):
                value = resource.get("Properties", {}).get(key)
                self.assertNotIsInstance(value, str, f"{name}.{key}")

    def test_the_roles_alone_have_the_same_permissions(self):
        roles = yaml_parse(generated.ROLES.read_text())
        names = {arn: "arn:${AWS::Partition}:" + name for arn, name in generated.BY_NAME.items()}
        for name in ("Role", "CheckRole", "CheckRolePolicy"):
            source = json.dumps(SOURCE["Resources"][name]["Properties"])
            for arn, pattern in names.items():
                source = source.replace(json.dumps({"Fn::GetAtt": arn.split(".")}), json.dumps({"Fn::Sub": pattern}))
            self.assertEqual(json.loads(source), roles["Resources"][name]["Properties"])

    def test_the_policies_of_a_role_fit_into_it(self):
        for name, resource in TEMPLATE["Resources"].items():
            if resource["Type"] != "AWS::IAM::Role":
                continue
            policies = resolved(resource["Properties"]["Policies"], True)
            size = sum(len(json.dumps(one["PolicyDocument"], separators=(",", ":"))) for one in policies)
            self.assertLess(size, INLINE_POLICIES_MAX, f"the policies of {name} have {size} characters")

    def test_every_parameter_has_a_label_in_one_group(self):
        for template in (SOURCE, TEMPLATE):
            form = template["Metadata"]["AWS::CloudFormation::Interface"]
            grouped = [name for group in form["ParameterGroups"] for name in group["Parameters"]]
            self.assertEqual(sorted(grouped), sorted(template["Parameters"]))
            self.assertEqual(sorted(form["ParameterLabels"]), sorted(template["Parameters"]))

    def test_the_dashboard_is_json_with_and_without_its_options(self):
        body = TEMPLATE["Resources"]["DashboardOfProvider"]["Properties"]["DashboardBody"]
        counts = []
        for conditions in (False, True):
            widgets = json.loads(resolved(body, conditions))["widgets"]
            self.assertTrue(all(widget["properties"]["metrics"] for widget in widgets))
            counts.append(len(widgets))
        self.assertEqual(counts, [4, 10])

    def test_every_metric_of_the_dashboard_exists(self):
        body = resolved(TEMPLATE["Resources"]["DashboardOfProvider"]["Properties"]["DashboardBody"], True)
        shown, namespace = set(), None
        for widget in json.loads(body)["widgets"]:
            for metric in widget["properties"]["metrics"]:
                if isinstance(metric[0], dict):
                    namespace, name = re.fullmatch(r"SEARCH\('\{(\w+),.*? MetricName=\"(\w+)\" .*", metric[0]["expression"]).groups()
                else:
                    namespace, name = metric[0] if metric[0] != "." else namespace, metric[1]
                shown.add((namespace, name))
        code = "".join((generated.ROOT / "src" / file).read_text() for file in ("answer/metrics.rs", "ask/counts.rs"))
        self.assertEqual([name for namespace, name in shown if f'"{name}"' not in code and namespace == "TiDBPrivateEndpoint"], [])
        self.assertEqual({one for one in shown if one[0] != "TiDBPrivateEndpoint"}, METRICS_OF_AWS)
        self.assertEqual(len(shown), 14 + len(METRICS_OF_AWS))

    def test_the_endpoint_of_the_stack_has_every_property_and_every_useful_attribute(self):
        properties = TEMPLATE["Resources"]["Endpoint"]["Properties"]
        self.assertEqual(sorted(properties), sorted(table("Properties")))
        for name, value in properties.items():
            if name not in ("ServiceToken", "ServiceTimeout", "ApiKeySecret"):
                self.assertEqual(value, {"Ref": name})
        outputs = {value["Value"]["Fn::GetAtt"][1] for value in TEMPLATE["Outputs"].values()
                   if value["Value"].get("Fn::GetAtt", [""])[0] == "Endpoint"}
        self.assertEqual({*table("Attributes")} - outputs - {"EndpointId"}, NOT_OUTPUTS)
        self.assertEqual(outputs - {*table("Attributes")}, set())


if __name__ == "__main__":
    unittest.main()
