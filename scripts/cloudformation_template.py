"""Writes the templates that are generated from template.yaml.

    python cloudformation_template.py

template.cloudformation.yaml is the same without a transform, for plain CloudFormation and for StackSets. AWS SAM's own
translator converts the functions; everything else stays as it is. The code comes from the bucket and key in the parameters
CodeBucket and CodeKey.

template.roles.yaml contains only the roles, for organizations in which another team creates them.

Requires the packages in tests/e2e/requirements.txt.
"""

import json
import logging
import os
import pathlib

import yaml
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

ROOT = pathlib.Path(__file__).resolve().parent.parent
TEMPLATE, TARGET, ROLES = (ROOT / name for name in ("template.yaml", "template.cloudformation.yaml", "template.roles.yaml"))
HEADER = """\
# Generated from template.yaml, which has the comments, by scripts/cloudformation_template.py. To update it, run
# `make template`.
"""

CODE = {
    "CodeBucket": {
        "Type": "String",
        "AllowedPattern": "^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$",
        "ConstraintDescription": "the name of a bucket",
        "Description": "The S3 bucket with the function's zip file. It must be in the same Region as this stack.",
    },
    "CodeKey": {
        "Type": "String",
        "Default": "tidb-private-endpoint.zip",
        "MinLength": 1,
        "Description": "The key of the zip file in the bucket. Use another key for each version: CloudFormation updates "
                       "the function only if the key changes.",
    },
}
LABELS = {"CodeBucket": {"default": "S3 bucket"}, "CodeKey": {"default": "S3 key"}}
#: AWS::Serverless::Function tags its functions with this, but SAM does not deploy this template.
SAM_TAG = {"Key": "lambda:createdBy", "Value": "SAM"}


#: What the roles refer to, by name, because the other stack does not exist yet.
BY_NAME = {
    "LogGroup.Arn": "logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${ProviderStackName}-*",
    "CheckLogGroup.Arn": "logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/lambda/${ProviderStackName}-check-*",
    "Function.Arn": "lambda:${AWS::Region}:${AWS::AccountId}:function:${ProviderStackName}-Function-*",
    "CheckFunction.Arn": "lambda:${AWS::Region}:${AWS::AccountId}:function:${ProviderStackName}-CheckFunction-*",
}


def by_name(value):
    if isinstance(value, list):
        return [by_name(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::GetAtt" in value:
        return {"Fn::Sub": "arn:${AWS::Partition}:" + BY_NAME[".".join(value["Fn::GetAtt"])]}
    return {name: by_name(item) for name, item in value.items()}


def roles():
    """The template with the roles, whose ARNs the provider's stack gets as parameters."""
    source = yaml_parse(TEMPLATE.read_text())
    resources = {name: by_name(source["Resources"][name]) for name in ("Role", "CheckRole", "CheckRolePolicy")}
    del resources["Role"]["Condition"]
    resources["CheckRolePolicy"]["Metadata"] = {"cdk_nag": {"rules_to_suppress": [{
        "id": "AwsSolutions-IAM5", "reason": "The functions of the other stack get generated names."}]}}
    return {
        "AWSTemplateFormatVersion": source["AWSTemplateFormatVersion"],
        "Description": "The roles of the provider of Custom::TiDBCloudPrivateEndpoint, for its parameters RoleArn and "
                       "CheckRoleArn",
        "Parameters": {
            "ProviderStackName": {
                "Type": "String",
                "Default": "tidb-private-endpoint",
                "AllowedPattern": "^[A-Za-z][A-Za-z0-9*-]*$",
                "ConstraintDescription": "the name of a stack, in which an asterisk stands for any characters",
                "Description": "The name of the provider's stack. For a StackSet, specify only the beginning, such as "
                               "StackSet-tidb-*, because names of functions contain a long stack name only in part.",
            },
            "ConnectionCheck": {
                "Type": "String",
                "Default": "false",
                "AllowedValues": ["true", "false"],
                "Description": "Whether to create the role of the check function too.",
            },
            **{name: source["Parameters"][name] for name in (
                "PermissionsBoundaryArn", "RolePath", "Tracing", "OnFailureDestinationArn", "ApiKeySecretArn",
                "ApiKeyKmsKeyArn")},
        },
        "Conditions": {
            "HasCheckRole": {"Fn::Equals": [{"Ref": "ConnectionCheck"}, "true"]},
            **{name: source["Conditions"][name] for name in (
                "HasPermissionsBoundary", "IsTraced", "HasOnFailureDestination", "HasApiKey", "HasApiKeyKmsKey")},
        },
        "Resources": resources,
        "Outputs": {
            "RoleArn": {"Description": "The value for RoleArn of the provider's stack",
                        "Value": {"Fn::GetAtt": ["Role", "Arn"]}},
            "CheckRoleArn": {"Condition": "HasCheckRole", "Description": "The value for CheckRoleArn of the provider's stack",
                             "Value": {"Fn::GetAtt": ["CheckRole", "Arn"]}},
        },
    }


def converted():
    """The template as CloudFormation gets it from the transform."""
    # The translator needs a Region, but nothing in this template depends on it.
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # It warns that nobody collects its metrics.
    template = yaml_parse(TEMPLATE.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": {"Ref": "CodeBucket"}, "Key": {"Ref": "CodeKey"}}
    # The translator replaces references to parameters by their defaults, so it must not see these.
    parameters, template["Parameters"] = template["Parameters"], {}
    template = transform(template, {}, managed_policy_loader=None)
    template["Parameters"] = {**CODE, **parameters}
    metadata = template["Metadata"]
    del metadata["AWS::ServerlessRepo::Application"]
    form = metadata["AWS::CloudFormation::Interface"]
    form["ParameterGroups"].insert(0, {"Label": {"default": "Code of the function"}, "Parameters": list(CODE)})
    form["ParameterLabels"] = {**LABELS, **form["ParameterLabels"]}
    for resource in template["Resources"].values():
        for name in ("BuildMethod", "BuildProperties"):
            resource.get("Metadata", {}).pop(name, None)
        if resource["Type"] == "AWS::Lambda::Function":
            resource["Properties"]["Tags"].remove(SAM_TAG)
            if not resource["Properties"]["Tags"]:
                del resource["Properties"]["Tags"]
    return template


#: Functions that CloudFormation knows by a short form. It does not know one for those of rules, such as EachMemberEquals.
SHORT = {"Ref", "Condition", *(f"Fn::{name}" for name in (
    "And", "Equals", "If", "ImportValue", "Join", "Not", "Or", "Select", "Split", "Sub"))}


class Dumper(yaml.SafeDumper):
    """Writes intrinsic functions in their short form, and what is short on one line."""

    def ignore_aliases(self, data):
        return True  # CloudFormation does not support anchors and aliases.

    def node(self, tag, value):
        if isinstance(value, str):
            return self.represent_scalar(tag, value, style="|" if "\n" in value else None)
        is_short = len(json.dumps(value)) <= 80
        represent = self.represent_mapping if isinstance(value, dict) else self.represent_sequence
        return represent(tag, value.items() if isinstance(value, dict) else value, flow_style=is_short)

    def mapping(self, data):
        ((name, value),) = data.items() if len(data) == 1 else [("", None)]
        if name == "Fn::GetAtt":
            return self.node("!GetAtt", ".".join(value))
        if name in SHORT and isinstance(value, (str, list)):
            return self.node("!" + name.removeprefix("Fn::"), value)
        return self.node("tag:yaml.org,2002:map", data)


Dumper.add_representer(dict, Dumper.mapping)
Dumper.add_representer(list, lambda dumper, data: dumper.node("tag:yaml.org,2002:seq", data))
Dumper.add_representer(str, lambda dumper, data: dumper.node("tag:yaml.org,2002:str", data))


def text(template):
    return HEADER + yaml.dump(template, Dumper=Dumper, sort_keys=False, width=120)


if __name__ == "__main__":
    for file, template in ((TARGET, converted()), (ROLES, roles())):
        file.write_text(text(template))
        print(f"{file.name}: {file.stat().st_size:,} bytes")
