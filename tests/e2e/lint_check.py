"""Tests of the cfn-lint rules for the resources."""

import copy
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from engine import ROOT

#: The same command as in the README.
COMMAND = ["cfn-lint", "--append-rules", "schema", "--"]

GOOD = {
    "Parameters": {
        "Vpc": {"Type": "String", "Default": ""},
        "Subnets": {"Type": "CommaDelimitedList"},
        "Blocks": {"Type": "CommaDelimitedList", "Default": ""},
    },
    "Conditions": {"No": {"Fn::Equals": [{"Ref": "Vpc"}, "none"]}},
    "Resources": {"TiDB": {
        "Type": "Custom::TiDBCloudPrivateEndpoint",
        "Properties": {
            "ServiceToken": {"Fn::ImportValue": "tidb-private-endpoint-ServiceToken"},
            "ServiceTimeout": 900,
            "ServiceName": "com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
            "VpcId": {"Ref": "Vpc"},
            "SubnetIds": {"Ref": "Subnets"},
            "AvailabilityZoneIds": "use1-az1,use1-az2",
            "AllowedCidrs": ["10.0.0.0/8"],
            "Port": "4000",
            "PrivateDnsEnabled": "true",
            "IpAddressType": "ipv4",
            "Tags": [{"Key": "team", "Value": "orders"}],
        },
    }},
    "Outputs": {
        "Id": {"Value": {"Ref": "TiDB"}},
        "Host": {"Value": {"Fn::GetAtt": ["TiDB", "Host"]}},
        "Vpc": {"Value": {"Fn::GetAtt": ["TiDB", "VpcId"]}},
        "Address": {"Value": {"Fn::Sub": "${TiDB.Host}:${TiDB.Port}"}},
    },
}


CHECKED = copy.deepcopy(GOOD)
CHECKED["Resources"]["Check"] = {
    "Type": "Custom::TiDBCloudConnectionCheck",
    "Properties": {
        "ServiceToken": {"Fn::ImportValue": "tidb-private-endpoint-CheckServiceToken"},
        "ServiceTimeout": 900,
        "Host": {"Fn::GetAtt": ["TiDB", "Host"]},
        "Port": 4000,
        "EndpointAddresses": ["10.0.1.25"],
        "TimeoutSeconds": "60",
        "OnFailure": "Warn",
        "Trigger": "1",
    },
}
CHECKED["Outputs"]["Connection"] = {"Value": {"Fn::GetAtt": ["Check", "Report"]}}


def checked(output="Report", **properties):
    """The valid template with a check that has other properties. None removes a property."""
    template = copy.deepcopy(CHECKED)
    ours = template["Resources"]["Check"]["Properties"]
    ours.update(properties)
    for name in [name for name, value in ours.items() if value is None]:
        del ours[name]
    template["Outputs"]["Connection"]["Value"]["Fn::GetAtt"][1] = output
    return template


def changed(outputs=None, **properties):
    """The valid template with other properties. None removes a property."""
    template = copy.deepcopy(GOOD)
    ours = template["Resources"]["TiDB"]["Properties"]
    ours.update(properties)
    for name in [name for name, value in ours.items() if value is None]:
        del ours[name]
    template["Outputs"].update(outputs or {})
    return template


#: For each case, the template, the rule that it violates, and part of the message.
CASES = {
    "a valid template": (GOOD, None, ""),
    "ReuseScope Region without a VPC": (changed(VpcId=None, Vpc=None, ReuseScope="Region"), None, ""),
    "a misspelled property": (changed(SubnetId=["subnet-0123456789abcdef0"]), "E9100", "'SubnetId'"),
    "no service name": (changed(ServiceName=None), "E9100", "ServiceName is missing; specify it, or ClusterId and ApiKeySecret"),
    "a service name and a cluster ID, one of them an empty parameter": (
        changed(ServiceName={"Ref": "Vpc"}, ClusterId="10581234567890123456", ApiKeySecret={"Fn::If": ["No", "k", {"Ref": "AWS::NoValue"}]}),
        None, ""),
    "a service name and a cluster ID, one of them any parameter": (
        changed(ServiceName={"Fn::ImportValue": "service"}, ClusterId="10581234567890123456"), None, ""),
    "a service name and a cluster ID": (changed(ClusterId="10581234567890123456"), "E9100",
                                        "ClusterId cannot be combined with ServiceName; specify one of the two"),
    "security groups with an empty list parameter of CIDR blocks": (
        changed(SecurityGroupIds=["sg-01234567"], AllowedCidrs={"Ref": "Blocks"}), None, ""),
    "security groups with CIDR blocks": (changed(SecurityGroupIds={"Ref": "Subnets"}, AllowedCidrs=["10.0.0.0/8"]), None, ""),
    "host bits in a CIDR block": (changed(AllowedCidrs=["10.0.0.1/8"]), "E9100",
                                  "'10.0.0.1/8' is not a CIDR block whose address is its first one"),
    "a cluster ID instead of a service name": (changed(ServiceName=None, ClusterId="10581234567890123456",
                                               ApiKeySecret="tidb-cloud/api-key"), None, ""),
    "a cluster ID without an API key": (changed(ServiceName=None, ClusterId="10581234567890123456"), "E9100",
                                        "specify it, or ClusterId and ApiKeySecret"),
    "the name of a cluster instead of its ID": (changed(ServiceName=None, ClusterId="orders", ApiKeySecret="k"), "E9100",
                                                "'orders' does not match"),
    "neither VpcId nor ReuseScope": (changed(VpcId=None), "E9100", "VpcId is missing; it is optional only if ReuseScope is Region"),
    "a host name instead of a service name": (changed(ServiceName="gateway01-privatelink.us-east-1.prod.aws.tidbcloud.com"), "E9100",
                                  "does not match"),
    "a zone name instead of a zone ID": (changed(AvailabilityZoneIds=["us-east-1a"]), "E9100", "'us-east-1a' does not match"),
    "an invalid port": (changed(Port=70000), "E9100", "70000"),
    "an invalid ReuseScope": (changed(ReuseScope="Account"), "E9100", "'Account' is not one of ['Vpc', 'Region']"),
    "a tag without a value": (changed(Tags=[{"Key": "team"}]), "E9100", "'Value' is a required property"),
    "an attribute as a property": (changed(DnsName="x"), "E9100", "DnsName"),
    "a misspelled attribute": (changed({"Host": {"Value": {"Fn::GetAtt": ["TiDB", "Hosts"]}}}), "E9101",
                             "Hosts is not an attribute of Custom::TiDBCloudPrivateEndpoint; did you mean Host?"),
    "a misspelled attribute in !Sub": (changed({"Address": {"Value": {"Fn::Sub": "${TiDB.Endpoint}"}}}), "E9101",
                                       "did you mean EndpointId?"),
    "a valid check": (CHECKED, None, ""),
    "a check without a host": (checked(Host=None), "E9102", "'Host' is a required property"),
    "a check of an address": (checked(Host="10.0.1.25"), "E9102", "does not match"),
    "a check that may take too long": (checked(TimeoutSeconds=900), "E9102", "900"),
    "an invalid OnFailure": (checked(OnFailure="Ignore"), "E9102", "'Ignore' is not one of ['Fail', 'Warn']"),
    "a misspelled property of a check": (checked(Hots="x"), "E9102", "'Hots'"),
    "a misspelled attribute of a check": (checked("Reports"), "E9103",
                                          "Reports is not an attribute of Custom::TiDBCloudConnectionCheck; did you mean Report?"),
    "a property that is not an attribute": (changed({"Host": {"Value": {"Fn::GetAtt": ["TiDB", "Tags"]}}}), "E9101", "Tags"),
}


def judged():
    """The properties that the provider judges, too; see tests/it/linter.rs."""
    cases = json.loads((ROOT / "tests" / "properties.json").read_text())
    for kind, rule in (("Custom::TiDBCloudPrivateEndpoint", "E9100"), ("Custom::TiDBCloudConnectionCheck", "E9102")):
        its = cases[kind]
        for violated, changes in ((None, its["accepted"] + its["left to the provider"]), (rule, its["refused"])):
            for change in changes:
                token = "arn:aws:lambda:us-east-1:123456789012:function:provider"
                properties = {"ServiceToken": token, **its["valid"], **change}
                properties = {name: value for name, value in properties.items() if value is not None}
                template = {"Resources": {"Ours": {"Type": kind, "Properties": properties}}}
                yield f"{kind} with {json.dumps(change)}", (template, violated, "")


CASES.update(judged())


def main():
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder, f"{number}.json") for number, name in enumerate(CASES)}
        for name, file in files.items():
            file.write_text(json.dumps({"AWSTemplateFormatVersion": "2010-09-09", **CASES[name][0]}))
        program = Path(sys.executable).with_name(COMMAND[0])
        ran = subprocess.run([program, "--format", "json", *COMMAND[1:], *map(str, files.values())], cwd=ROOT,
                             capture_output=True, text=True)
    found = json.loads(ran.stdout or "[]")
    failed = 0
    for name, (_, rule, says) in CASES.items():
        said = [(one["Rule"]["Id"], one["Message"]) for one in found if one["Filename"] == str(files[name])]
        # Without a property, its parameter or condition may be unused, which is not part of the test.
        said = [one for one in said if one[0] not in ("W2001", "W8001")]
        holds = not said if rule is None else {one[0] for one in said} == {rule} and any(says in one[1] for one in said)
        print(f"{'ok  ' if holds else 'FAIL'}  cfn-lint: {name}" + ("" if holds else f"\n      seen: {said or ran.stderr}"))
        failed += not holds
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
