//! The check function: what its role allows, and how its report comes to the provider.

use super::template::{file, read};
use serde_json::{Value, json};

/// Lambda needs these to connect a function to subnets (`AWSLambdaVPCAccessExecutionRole`, an AWS managed policy).
const NETWORK_INTERFACES: [&str; 6] = [
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
];

fn resources() -> Value {
    read(&file("template.yaml"))["Resources"].clone()
}

#[test]
fn the_role_of_the_check_allows_network_interfaces_logs_and_the_way_back() {
    let resources = resources();
    let role = &resources["CheckRole"]["Properties"];
    assert_eq!(
        resources["CheckFunction"]["Properties"]["Role"],
        json!({ "!If": ["HasCheckRole", { "!GetAtt": "CheckRole.Arn" }, { "!Ref": "CheckRoleArn" }] })
    );
    let inline: Vec<&Value> = role["Policies"].as_array().unwrap().iter().collect();
    let separate: Vec<&Value> = resources
        .as_object()
        .unwrap()
        .values()
        .filter(|resource| resource["Type"] == "AWS::IAM::Policy")
        .map(|resource| &resource["Properties"])
        .collect();
    assert_eq!((inline.len(), separate.len()), (2, 1));
    assert_eq!(separate[0]["Roles"], json!([{ "!Ref": "CheckRole" }]), "it is not of the provider's role");
    assert!(role.get("ManagedPolicyArns").is_none());
    let statements = inline
        .into_iter()
        .chain(separate)
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap().clone());
    let (allowed, denied): (Vec<Value>, Vec<Value>) = statements.partition(|statement| statement["Effect"] == "Allow");
    let allowed: Vec<(&Value, &Value)> = allowed.iter().map(|one| (&one["Action"], &one["Resource"])).collect();
    assert_eq!(
        allowed,
        [
            (&json!(["logs:CreateLogStream", "logs:PutLogEvents"]), &json!({ "!GetAtt": "CheckLogGroup.Arn" })),
            (&json!(NETWORK_INTERFACES), &json!("*")),
            (&json!("lambda:InvokeFunction"), &json!({ "!GetAtt": "Function.Arn" })),
        ]
    );
    // Only Lambda may handle network interfaces, not the code of the function.
    let [denied] = denied.as_slice() else { panic!("{denied:#?}") };
    assert_eq!((&denied["Action"], &denied["Resource"]), (&json!(NETWORK_INTERFACES), &json!("*")));
    assert_eq!(
        denied["Condition"],
        json!({ "ArnEquals": { "lambda:SourceFunctionArn": { "!GetAtt": "CheckFunction.Arn" } } })
    );
}

#[test]
fn every_end_of_the_check_function_reaches_the_provider() {
    let resources = resources();
    let properties = &resources["CheckInvokeConfig"]["Properties"];
    let after_the_policy = json!({ "!If": ["HasCheckRole", { "!Ref": "CheckRolePolicy" }, ""] });
    assert_eq!(
        properties["FunctionName"],
        json!({ "!Select": ["0", [{ "!Ref": "CheckFunction" }, after_the_policy]] }),
        "Lambda checks the permission when the destinations are set"
    );
    let provider = json!({ "Destination": { "!GetAtt": "Function.Arn" } });
    assert_eq!(properties["DestinationConfig"], json!({ "OnSuccess": provider, "OnFailure": provider }));
    assert_eq!((&properties["Qualifier"], &properties["MaximumRetryAttempts"]), (&json!("$LATEST"), &json!("0")));
    let variables = &resources["Function"]["Properties"]["Environment"]["Variables"];
    assert_eq!(
        variables["CHECK_FUNCTION_ARN"],
        json!({ "!If": ["HasCheck", { "!GetAtt": "CheckFunction.Arn" }, ""] }),
        "the provider accepts records of this function only"
    );
    assert_eq!(resources["CheckFunction"]["Properties"]["Handler"], "check", "the name that main.rs knows");
    assert!(file("src/main.rs").contains("const CHECK_HANDLER: &str = \"check\";"));
}

/// Without subnets, the stack has nothing of the check.
#[test]
fn the_check_is_optional() {
    for (name, resource) in resources().as_object().unwrap() {
        let condition = resource["Condition"].as_str().unwrap_or_default();
        assert_eq!(name.starts_with("Check"), condition.starts_with("HasCheck"), "{name}");
    }
    let schedule = &resources()["CheckRule"]["Properties"]["Targets"][0]["Input"]["!Sub"];
    let input: Value = serde_json::from_str(schedule.as_str().unwrap()).unwrap();
    assert_eq!((&input["Check"]["Host"], &input["Scheduled"]), (&json!("${Endpoint.Host}"), &json!(true)));
}
