"""cfn-lint rules that check the properties and attributes of Custom::TiDBCloudPrivateEndpoint against its schema.

By default, cfn-lint accepts all properties and attributes of custom resources. Its option --registry-schemas does not help,
because it treats every Custom:: type as AWS::CloudFormation::CustomResource. These rules require cfn-lint 1.
"""

import json
import re
from difflib import get_close_matches
from pathlib import Path

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.rules.jsonschema.CfnLintJsonSchema import CfnLintJsonSchema

SCHEMA = json.loads(Path(__file__).with_name("Custom-TiDBCloudPrivateEndpoint.json").read_text(encoding="utf-8"))
TYPE = SCHEMA["typeName"]
ATTRIBUTES = SCHEMA["definitions"]["Attribute"]["enum"]


class TiDBCloudPrivateEndpointProperties(CfnLintJsonSchema):
    id = "E9100"
    shortdesc = f"Properties of {TYPE}"
    description = "All properties exist and have valid values, and no required properties are missing"
    source_url = "https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html"
    tags = ["resources", "properties"]

    def __init__(self):
        super().__init__(keywords=[f"Resources/{TYPE}/Properties"], all_matches=True)
        self._use_schema_arg = False
        read_only = {pointer.rpartition("/")[2] for pointer in SCHEMA["readOnlyProperties"]}
        given = {name: schema for name, schema in SCHEMA["properties"].items() if name not in read_only}
        self._schema = {**SCHEMA, "properties": given}


class TiDBCloudPrivateEndpointAttributes(CloudFormationLintRule):
    id = "E9101"
    shortdesc = f"Attributes of {TYPE}"
    description = "!GetAtt and !Sub reference only attributes that the resource has"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getatt.html"
    tags = ["functions", "getatt"]

    def match(self, cfn):
        ours = [name for name, resource in cfn.get_resources().items() if resource.get("Type") == TYPE]
        return [RuleMatch(path, self.sentence(attribute)) for path, name, attribute in references(cfn)
                if name in ours and attribute not in ATTRIBUTES]

    @staticmethod
    def sentence(attribute):
        nearest = get_close_matches(attribute, ATTRIBUTES, n=1)
        hint = f"did you mean {nearest[0]}?" if nearest else f"the attributes are {', '.join(ATTRIBUTES)}"
        return f"{attribute} is not an attribute of {TYPE}; {hint}"


def references(cfn):
    """Yields the path, resource, and name of every attribute that the template references."""
    for *path, value in cfn.search_deep_keys("Fn::GetAtt"):
        name, attribute = value if isinstance(value, list) else value.split(".", 1)
        if isinstance(attribute, str):
            yield path, name, attribute
    for *path, value in cfn.search_deep_keys("Fn::Sub"):
        text = value[0] if isinstance(value, list) else value
        for name, attribute in re.findall(r"\$\{([^!.}]+)\.([^}]+)\}", text):
            yield path, name, attribute
