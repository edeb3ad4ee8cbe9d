"""cfn-lint rules that check the properties and attributes of the two custom resources against their schemas.

By default, cfn-lint accepts all properties and attributes of custom resources. Its option --registry-schemas does not help,
because it treats every Custom:: type as AWS::CloudFormation::CustomResource. These rules require cfn-lint 1.
"""

import json
import re
from difflib import get_close_matches
from pathlib import Path

from cfnlint.rules import CloudFormationLintRule, RuleMatch
from cfnlint.rules.jsonschema.CfnLintJsonSchema import CfnLintJsonSchema


def schema_of(name):
    return json.loads(Path(__file__).with_name(f"Custom-{name}.json").read_text(encoding="utf-8"))


ENDPOINT = schema_of("TiDBCloudPrivateEndpoint")
CHECK = schema_of("TiDBCloudConnectionCheck")


class PropertiesOf:
    """All properties exist and have valid values."""

    description = "All properties exist and have valid values, and no required properties are missing"
    source_url = "https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html"
    tags = ["resources", "properties"]

    def __init__(self, schema):
        super().__init__(keywords=[f"Resources/{schema['typeName']}/Properties"], all_matches=True)
        self._use_schema_arg = False
        read_only = {pointer.rpartition("/")[2] for pointer in schema["readOnlyProperties"]}
        given = {name: one for name, one in schema["properties"].items() if name not in read_only}
        self._schema = {**schema, "properties": given}

    def _iter_errors(self, validator, instance):
        """Replaces "is not valid under any of the given schemas" with what the schema says about it."""
        for error in super()._iter_errors(validator, instance):
            at = list(error.schema_path)
            if error.validator == "anyOf":
                part = self._schema
                for key in at[:-1]:
                    part = part[key]
                says = part.get("description", error.message)
                error.message = says if at[0] == "allOf" else f"{error.instance!r} is not {says}"
                error.context = []
            yield error


class AttributesOf:
    """All attributes that a template references exist."""

    description = "!GetAtt and !Sub reference only attributes that the resource has"
    source_url = "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-getatt.html"
    tags = ["functions", "getatt"]

    def match(self, cfn):
        kind, attributes = self.of["typeName"], self.of["definitions"]["Attribute"]["enum"]
        ours = [name for name, resource in cfn.get_resources().items() if resource.get("Type") == kind]
        return [RuleMatch(path, sentence(attribute, kind, attributes)) for path, name, attribute in references(cfn)
                if name in ours and attribute not in attributes]


class TiDBCloudPrivateEndpointProperties(PropertiesOf, CfnLintJsonSchema):
    id = "E9100"
    shortdesc = f"Properties of {ENDPOINT['typeName']}"

    def __init__(self):
        super().__init__(ENDPOINT)


class TiDBCloudPrivateEndpointAttributes(AttributesOf, CloudFormationLintRule):
    id = "E9101"
    shortdesc = f"Attributes of {ENDPOINT['typeName']}"
    of = ENDPOINT


class TiDBCloudConnectionCheckProperties(PropertiesOf, CfnLintJsonSchema):
    id = "E9102"
    shortdesc = f"Properties of {CHECK['typeName']}"

    def __init__(self):
        super().__init__(CHECK)


class TiDBCloudConnectionCheckAttributes(AttributesOf, CloudFormationLintRule):
    id = "E9103"
    shortdesc = f"Attributes of {CHECK['typeName']}"
    of = CHECK


def sentence(attribute, kind, attributes):
    nearest = get_close_matches(attribute, attributes, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else f"the attributes are {', '.join(attributes)}"
    return f"{attribute} is not an attribute of {kind}; {hint}"


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
