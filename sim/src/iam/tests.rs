use serde_json::{Value, json};

use super::*;

fn policy(statements: &Value) -> Result<Policy, PolicyError> {
    Policy::read(&[json!({ "Version": "2012-10-17", "Statement": statements })])
}

fn question(action: &str, resource: &str) -> Question {
    Question { action: action.to_owned(), resource: resource.to_owned(), context: Context::default() }
}

fn allows(statements: &Value, question: &Question) -> bool {
    policy(statements).unwrap().decide(question).allowed
}

/// Whether a statement with this condition allows something under these circumstances.
fn holds(condition: &Value, context: Context) -> bool {
    let statement = json!([{ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition }]);
    allows(&statement, &Question { context, ..question("ec2:X", "*") })
}

#[test]
fn wildcards_in_an_arn_keep_to_their_part() {
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
    assert!(!covers("arn:aws:ec2:*:*:*", "*"), "who asks for everything needs everything");
    assert!(covers("arn:aws:logs:*:*:log-group:/aws/lambda/*", "arn:aws:logs:r:a:log-group:/aws/lambda/x:*"));
}

#[test]
fn nothing_is_allowed_but_by_a_statement_and_a_denial_wins() {
    let allow = json!({ "Sid": "Yes", "Effect": "Allow", "Action": ["ec2:Describe*"], "Resource": "*" });
    let deny = json!({ "Sid": "No", "Effect": "Deny", "Action": "ec2:describevpcs", "Resource": "*" });
    let vpcs = question("ec2:DescribeVpcs", "*");
    assert!(!allows(&json!([]), &vpcs));
    assert!(allows(&json!([allow]), &vpcs));
    assert!(!allows(&json!([deny]), &vpcs));
    assert!(!allows(&json!([allow]), &question("ec2:DeleteVpcEndpoints", "*")));
    for both in [json!([allow, deny]), json!([deny, allow])] {
        let answer = policy(&both).unwrap().decide(&vpcs);
        let by: Vec<&str> = answer.by.iter().map(|grant| grant.sid.as_str()).collect();
        assert_eq!((answer.allowed, by), (false, vec!["No"]));
        assert!(allows(&both, &question("ec2:DescribeSubnets", "*")));
    }
}

#[test]
fn every_statement_that_allows_is_told() {
    let one = json!({ "Effect": "Allow", "Action": "*", "Resource": ["*", "arn:aws:ec2:*:*:vpc/*"] });
    let two = json!({ "Sid": "Two", "Effect": "Allow", "Action": ["a:B", "c:D"], "Resource": "arn:aws:ec2:*:*:vpc/*" });
    let policy = policy(&json!([one, two])).unwrap();
    assert_eq!(policy.grants().len(), 4);
    let answer = policy.decide(&question("c:d", "arn:aws:ec2:r:a:vpc/vpc-1"));
    let by: Vec<_> = answer.by.iter().map(|grant| (grant.sid.as_str(), grant.action.as_str())).collect();
    assert_eq!(by, [("#1", "*"), ("#1", "*"), ("Two", "c:D")]);
}

#[test]
fn conditions_with_one_value() {
    let tag = |name: &str, value: &str| Context::default().with(&format!("aws:RequestTag/{name}"), value);
    let none = Context::default;
    let null = |value: &str| json!({ "Null": { "aws:RequestTag/a:b": value } });
    assert!(holds(&null("false"), tag("a:b", "")) && !holds(&null("false"), none()));
    assert!(holds(&null("true"), none()) && !holds(&null("true"), tag("a:b", "1")));
    assert!(holds(&null("false"), tag("A:B", "1")), "names of keys have no case");
    assert!(holds(&json!({ "Null": { "aws:RequestTag/a:b": false } }), tag("a:b", "1")), "not only as a text");

    let test = |operator: &str, value: Value| json!({ operator: { "aws:RequestTag/x": value } });
    assert!(holds(&test("StringEquals", json!(["1", "2"])), tag("x", "2")), "one of several will do");
    assert!(!holds(&test("StringEquals", json!("A")), tag("x", "a")), "values have a case");
    assert!(!holds(&test("StringEquals", json!("a*")), tag("x", "ab")), "and no wildcards");
    assert!(holds(&test("StringLike", json!("a*")), tag("x", "ab")));
    assert!(!holds(&test("StringLike", json!("*")), none()), "what is not there is like nothing");
    assert!(!holds(&test("StringNotEquals", json!(["1", "2"])), tag("x", "2")));
    assert!(holds(&test("StringNotEquals", json!(["1", "2"])), tag("x", "3")));
    assert!(holds(&test("StringNotEquals", json!("1")), none()));
    assert!(!holds(&test("StringNotLike", json!("a*")), tag("x", "ab")));

    let two = json!({ "StringEquals": { "aws:RequestTag/x": "1", "ec2:CreateAction": "Y" } });
    assert!(!holds(&two, tag("x", "1")), "all conditions");
    assert!(holds(&two, tag("x", "1").with("ec2:CreateAction", "Y")));
}

#[test]
fn conditions_with_many_values() {
    let keys = |keys: &[&str]| keys.iter().fold(Context::default(), |context, key| context.with("aws:TagKeys", *key));
    let all = json!({ "ForAllValues:StringLike": { "aws:TagKeys": ["ref:*", "Name"] } });
    assert!(holds(&all, keys(&["ref:1", "Name"])));
    assert!(!holds(&all, keys(&["ref:1", "owned"])));
    assert!(!holds(&all, keys(&["REF:1"])), "tag keys in the values have a case");
    assert!(holds(&all, keys(&[])), "all of none");
    let any = json!({ "ForAnyValue:StringEquals": { "aws:TagKeys": "a" } });
    assert!(holds(&any, keys(&["b", "a"])));
    assert!(!holds(&any, keys(&["b"])));
    assert!(!holds(&any, keys(&[])), "any of none");
    let none = json!({ "ForAllValues:StringNotEquals": { "aws:TagKeys": ["a", "b"] } });
    assert!(holds(&none, keys(&["c"])));
    assert!(!holds(&none, keys(&["c", "b"])));
}

#[test]
fn what_is_not_understood_is_refused() {
    let with = |key: &str, value: Value| {
        let mut statement = json!({ "Sid": "S", "Effect": "Allow", "Action": "a:B", "Resource": "*" });
        statement[key] = value;
        policy(&json!([statement])).unwrap_err().to_string()
    };
    let condition = |operator: &str, key: &str, value: Value| with("Condition", json!({ operator: { key: value } }));
    for (error, says) in [
        (with("NotAction", json!("a:C")), "unknown field `NotAction`"),
        (with("Principal", json!("*")), "unknown field `Principal`"),
        (with("Effect", json!("allow")), "Effect is allow"),
        (with("Action", json!([])), "an empty list"),
        (with("Action", json!("DescribeVpcs")), "the action DescribeVpcs names no service"),
        (with("Action", json!(7)), "7 is no text"),
        (with("Resource", json!("vpc/*")), "the resource vpc/* is no ARN"),
        (with("Resource", json!("arn:aws:ec2:${AWS::Region}:1:vpc/*")), "variables, as in arn"),
        (condition("ArnLike", "aws:RequestTag/a", json!("b")), "the condition operator ArnLike is not known"),
        (condition("StringEqualsIfExists", "aws:RequestTag/a", json!("b")), "StringEqualsIfExists is not known"),
        (condition("ForSomeValues:StringLike", "aws:TagKeys", json!("b")), "ForSomeValues:StringLike is not known"),
        (condition("ForAllValues:Null", "aws:TagKeys", json!("true")), "ForAllValues:Null is not known"),
        (condition("StringEquals", "ec2:Vpc", json!("b")), "the condition key ec2:vpc is not known"),
        (condition("StringEquals", "aws:RequestTag/", json!("b")), "the condition key aws:requesttag/ is not known"),
        (condition("StringEquals", "aws:TagKeys", json!("b")), "aws:tagkeys needs ForAllValues or ForAnyValue"),
        (condition("ForAnyValue:StringEquals", "ec2:CreateAction", json!("b")), "takes no ForAllValues"),
        (condition("Null", "aws:TagKeys", json!("no")), "neither true nor false"),
    ] {
        assert!(error.starts_with("statement S: ") && error.contains(says), "{error}");
    }
    let statement = json!({ "Sid": "S", "Effect": "Allow", "Action": "a:B", "Resource": "*" });
    assert!(policy(&json!([statement, statement])).unwrap_err().to_string().contains("two statements are called S"));
    let old = json!({ "Version": "2008-10-17", "Statement": [] });
    assert!(Policy::read(&[old]).unwrap_err().to_string().contains("2008-10-17"));
}
