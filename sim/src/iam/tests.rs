use serde_json::{Value, json};

use super::*;

fn policy(statements: &Value) -> Result<Policy, PolicyError> {
    Policy::read(&[json!({ "Version": "2012-10-17", "Statement": statements })])
}

fn request(action: &str, resource: &str) -> AuthorizationRequest {
    AuthorizationRequest { action: action.to_owned(), resource: resource.to_owned(), context: Context::default() }
}

fn allows(statements: &Value, request: &AuthorizationRequest) -> bool {
    policy(statements).unwrap().decide(request).allowed
}

/// Whether a statement with this condition allows a request with this context.
fn holds(condition: &Value, context: Context) -> bool {
    let statement = json!([{ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }]);
    allows(&statement, &AuthorizationRequest { context, ..request("ec2:X", "*") })
}

#[test]
fn wildcards_in_an_arn_do_not_match_across_parts() {
    let arn = "arn:aws:ec2:us-east-1:123456789012:vpc/vpc-1";
    for (entry, fits) in [
        ("*", true),
        (arn, true),
        ("arn:aws:ec2:*:*:vpc/*", true),
        ("arn:aws:ec2:us-east-1:123456789012:*", true),
        ("arn:aws:ec2:us-east-1:123456789012:subnet/*", false),
        ("arn:aws:ec2:us-east-1:210987654321:vpc/*", false),
        ("arn:aws:ec2:*:vpc/*", false),
        ("arn:aws:ec2:*:*:*:vpc/*", false),
    ] {
        assert_eq!(covers(entry, arn), fits, "{entry}");
    }
    assert!(!covers("arn:aws:ec2:*:*:*", "*"), "a request for all resources requires `*`");
    assert!(covers("arn:aws:logs:*:*:log-group:/aws/lambda/*", "arn:aws:logs:r:a:log-group:/aws/lambda/x:*"));
}

#[test]
fn requests_are_denied_by_default_and_an_explicit_deny_overrides() {
    let allow = json!({ "Sid": "Yes", "Effect": "Allow", "Action": ["ec2:Describe*"], "Resource": "*" });
    let deny = json!({ "Sid": "No", "Effect": "Deny", "Action": "ec2:describevpcs", "Resource": "*" });
    let vpcs = request("ec2:DescribeVpcs", "*");
    assert!(!allows(&json!([]), &vpcs));
    assert!(allows(&json!([allow]), &vpcs));
    assert!(!allows(&json!([deny]), &vpcs));
    assert!(!allows(&json!([allow]), &request("ec2:DeleteVpcEndpoints", "*")));
    for both in [json!([allow, deny]), json!([deny, allow])] {
        let result = policy(&both).unwrap().decide(&vpcs);
        let by: Vec<&str> = result.by.iter().map(|grant| grant.sid.as_str()).collect();
        assert_eq!((result.allowed, by), (false, vec!["No"]));
        assert!(allows(&both, &request("ec2:DescribeSubnets", "*")));
    }
}

#[test]
fn all_allowing_statements_are_reported() {
    let one = json!({ "Effect": "Allow", "Action": "*", "Resource": ["*", "arn:aws:ec2:*:*:vpc/*"] });
    let two = json!({ "Sid": "Two", "Effect": "Allow", "Action": ["a:B", "c:D"], "Resource": "arn:aws:ec2:*:*:vpc/*" });
    let policy = policy(&json!([one, two])).unwrap();
    assert_eq!(policy.grants().len(), 4);
    let result = policy.decide(&request("c:d", "arn:aws:ec2:r:a:vpc/vpc-1"));
    let by: Vec<_> = result.by.iter().map(|grant| (grant.sid.as_str(), grant.action.as_str())).collect();
    assert_eq!(by, [("#1", "*"), ("#1", "*"), ("Two", "c:D")]);
}

#[test]
fn conditions_on_single_valued_keys() {
    let tag = |name: &str, value: &str| Context::default().with(&format!("aws:RequestTag/{name}"), value);
    let none = Context::default;
    let null = |value: &str| json!({ "Null": { "aws:RequestTag/a:b": value } });
    assert!(holds(&null("false"), tag("a:b", "")) && !holds(&null("false"), none()));
    assert!(holds(&null("true"), none()) && !holds(&null("true"), tag("a:b", "1")));
    assert!(holds(&null("false"), tag("A:B", "1")), "key names are case-insensitive");
    assert!(
        holds(&json!({ "Null": { "aws:RequestTag/a:b": false } }), tag("a:b", "1")),
        "a boolean instead of a string"
    );

    let test = |operator: &str, value: Value| json!({ operator: { "aws:RequestTag/x": value } });
    assert!(holds(&test("StringEquals", json!(["1", "2"])), tag("x", "2")), "any of the values matches");
    assert!(!holds(&test("StringEquals", json!("A")), tag("x", "a")), "values are case-sensitive");
    assert!(!holds(&test("StringEquals", json!("a*")), tag("x", "ab")), "no wildcards");
    assert!(holds(&test("StringLike", json!("a*")), tag("x", "ab")));
    assert!(!holds(&test("StringLike", json!("*")), none()), "an absent key matches nothing");
    assert!(!holds(&test("StringNotEquals", json!(["1", "2"])), tag("x", "2")));
    assert!(holds(&test("StringNotEquals", json!(["1", "2"])), tag("x", "3")));
    assert!(holds(&test("StringNotEquals", json!("1")), none()));
    assert!(!holds(&test("StringNotLike", json!("a*")), tag("x", "ab")));

    let two = json!({ "StringEquals": { "aws:RequestTag/x": "1", "ec2:CreateAction": "Y" } });
    assert!(!holds(&two, tag("x", "1")), "all conditions must hold");
    assert!(holds(&two, tag("x", "1").with("ec2:CreateAction", "Y")));
}

#[test]
fn conditions_on_multivalued_keys() {
    let keys = |keys: &[&str]| keys.iter().fold(Context::default(), |context, key| context.with("aws:TagKeys", *key));
    let all = json!({ "ForAllValues:StringLike": { "aws:TagKeys": ["ref:*", "Name"] } });
    assert!(holds(&all, keys(&["ref:1", "Name"])));
    assert!(!holds(&all, keys(&["ref:1", "owned"])));
    assert!(!holds(&all, keys(&["REF:1"])), "tag keys as values are case-sensitive");
    assert!(holds(&all, keys(&[])), "true without values");
    let any = json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "a" } });
    assert!(holds(&any, keys(&["b", "a"])));
    assert!(!holds(&any, keys(&["b"])));
    assert!(!holds(&any, keys(&[])), "false without values");
    let none = json!({ "ForAllValues:StringNotEquals": { "aws:TagKeys": ["a", "b"] } });
    assert!(holds(&none, keys(&["c"])));
    assert!(!holds(&none, keys(&["c", "b"])));
}

#[test]
fn unsupported_policy_elements_are_rejected() {
    let with = |key: &str, value: Value| {
        let mut statement = json!({ "Sid": "S", "Effect": "Allow", "Action": "a:B", "Resource": "*" });
        statement[key] = value;
        policy(&json!([statement])).unwrap_err().to_string()
    };
    let condition = |operator: &str, key: &str, value: Value| with("Condition", json!({ operator: { key: value } }));
    for (error, says) in [
        (with("NotAction", json!("a:C")), "unknown field `NotAction`"),
        (with("Principal", json!("*")), "unknown field `Principal`"),
        (with("Effect", json!("allow")), "Effect must be Allow or Deny, not allow"),
        (with("Action", json!([])), "an empty list"),
        (with("Action", json!("DescribeVpcs")), "the action DescribeVpcs has no service prefix"),
        (with("Action", json!(7)), "7 is not a string"),
        (with("Resource", json!("vpc/*")), "the resource vpc/* is not an ARN"),
        (with("Resource", json!("arn:aws:ec2:${AWS::Region}:1:vpc/*")), "policy variables, as in arn"),
        (condition("ArnLike", "aws:RequestTag/a", json!("b")), "the condition operator ArnLike is not implemented"),
        (condition("StringEqualsIfExists", "aws:RequestTag/a", json!("b")), "StringEqualsIfExists is not implemented"),
        (
            condition("ForSomeValues:StringLike", "aws:TagKeys", json!("b")),
            "ForSomeValues:StringLike is not implemented",
        ),
        (condition("ForAllValues:Null", "aws:TagKeys", json!("true")), "ForAllValues:Null is not implemented"),
        (condition("StringEquals", "ec2:Vpc", json!("b")), "the condition key ec2:vpc is not implemented"),
        (
            condition("StringEquals", "aws:RequestTag/", json!("b")),
            "the condition key aws:requesttag/ is not implemented",
        ),
        (condition("StringEquals", "aws:TagKeys", json!("b")), "aws:tagkeys requires ForAllValues or ForAnyValue"),
        (condition("ForAnyValue:StringEquals", "ec2:CreateAction", json!("b")), "does not permit ForAllValues"),
        (condition("Null", "aws:TagKeys", json!("no")), "must be true or false"),
    ] {
        assert!(error.starts_with("statement S: ") && error.contains(says), "{error}");
    }
    let statement = json!({ "Sid": "S", "Effect": "Allow", "Action": "a:B", "Resource": "*" });
    assert!(policy(&json!([statement, statement])).unwrap_err().to_string().contains("two statements have the Sid S"));
    let old = json!({ "Version": "2008-10-17", "Statement": [] });
    assert!(Policy::read(&[old]).unwrap_err().to_string().contains("2008-10-17"));
}
