//! Stories of a status.

use super::{Asked, strings};
use crate::cloud::*;
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use ec2_sim::{Policy, StacksFault, State};
use serde_json::{Value, json};
use tidb_private_endpoint::cloudformation::CloudFormation;
use tidb_private_endpoint::model::tags::Holder;
use tidb_private_endpoint::runtime::clock::Clock;

fn status() -> Value {
    json!({ "Ask": "Status" })
}

#[tokio::test(start_paused = true)]
async fn a_reference_whose_stack_is_gone_is_found_with_the_command_that_releases_it() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let (orders, billing) = (asked.stack("orders"), asked.stack("billing"));
    let id = orders.create(&properties()).await.succeeded().physical_id;
    billing.create(&properties()).await.succeeded();
    cloud.pass(10).await;
    let answer = asked.answer(&status()).await;
    let holders = &answer["Endpoints"][0]["Holders"];
    let exist = |holders: &Value| -> Vec<(String, Value)> {
        let all = holders.as_array().unwrap().iter();
        all.map(|holder| (holder["Stack"].as_str().unwrap().to_owned(), holder["StackExists"].clone())).collect()
    };
    assert_eq!(exist(holders), [("billing".to_owned(), json!(true)), ("orders".to_owned(), json!(true))]);
    assert_eq!(holders[1]["LogicalResourceId"], "TiDB");
    assert_eq!(answer["Endpoints"][0]["EndpointId"], id);
    assert_eq!(answer["Endpoints"][0]["Ownership"], "Owned");
    assert_eq!(answer["Endpoints"][0]["State"], "available");
    assert_eq!(answer["Endpoints"][0]["Orphaned"], false);
    assert_eq!((&answer["Commands"], &answer["Warnings"]), (&json!([]), &json!([])));

    asked.forget(&orders);
    // A stack of the same name is another stack.
    let again = orders.arn.replace("51af3dc0", "62bf4ed1");
    asked.stacks.set_stack(&again, "CREATE_COMPLETE");
    let answer = asked.answer(&status()).await;
    let holders = &answer["Endpoints"][0]["Holders"];
    assert_eq!(exist(holders), [("billing".to_owned(), json!(true)), ("orders".to_owned(), json!(false))]);
    let text = answer["Text"].as_str().unwrap();
    assert!(
        text.contains("1 endpoint in this Region, with 2 holders. 1 holder belongs to a stack that no longer exists."),
        "{text}"
    );
    let commands = strings(&answer["Commands"]);
    let hash = holders[1]["Hash"].as_str().unwrap();
    assert_eq!(commands.len(), 1);
    assert!(commands[0].contains(&format!("\"EndpointId\":\"{id}\",\"Holder\":\"{hash}\"}}'")), "{}", commands[0]);
    assert!(text.contains(commands[0]));
    assert_eq!(orders.ref_key(), format!("tidb-private-endpoint:ref:{hash}"));
}

#[tokio::test(start_paused = true)]
async fn it_is_about_the_region_a_vpc_a_service_or_an_endpoint() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let here = asked.stack("orders").create(&properties()).await.succeeded().physical_id;
    let other = with(properties(), json!({ "VpcId": VPC_2, "SecurityGroupIds": [GROUP_2] }));
    let there = asked.stack("billing").create(&other).await.succeeded().physical_id;
    let second = with(properties(), json!({ "ServiceName": SERVICE_2, "PrivateDnsEnabled": false }));
    let second = asked.stack("search").create(&second).await.succeeded().physical_id;
    // A foreign endpoint that nobody has joined is nobody's business.
    let foreign = cloud.sim.create_foreign_endpoint(ec2_sim::EndpointSpec { private_dns_enabled: false, ..foreign() });
    cloud.pass(10).await;
    let found = async |question: Value| -> Vec<String> {
        let answer = asked.answer(&question).await;
        let ids = answer["Endpoints"].as_array().unwrap().iter();
        let mut ids: Vec<String> = ids.map(|endpoint| endpoint["EndpointId"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        ids
    };
    let sorted = |ids: &[&String]| {
        let mut ids: Vec<String> = ids.iter().map(|id| (*id).clone()).collect();
        ids.sort();
        ids
    };
    assert_eq!(found(status()).await, sorted(&[&here, &there, &second]));
    assert_eq!(found(json!({ "Ask": "Status", "VpcId": VPC })).await, sorted(&[&here, &second]));
    assert_eq!(
        found(json!({ "Ask": "Status", "VpcId": VPC, "ServiceName": SERVICE })).await,
        std::slice::from_ref(&here)
    );
    assert_eq!(found(json!({ "Ask": "Status", "ServiceName": SERVICE })).await, sorted(&[&here, &there]));
    assert_eq!(found(json!({ "Ask": "Status", "EndpointId": there })).await, [there]);
    assert_eq!(found(json!({ "Ask": "Status", "EndpointId": foreign })).await, [foreign]);
    let none = asked.answer(&json!({ "Ask": "Status", "EndpointId": "vpce-0123456789abcdef0" })).await;
    assert_eq!(
        strings(&none["Warnings"]),
        ["EC2 shows no interface endpoint vpce-0123456789abcdef0 in this account and Region; check EndpointId."]
    );
    cloud.assert_understood();
}

#[tokio::test(start_paused = true)]
async fn a_joined_foreign_endpoint_is_listed_with_its_holders() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    cloud.sim.create_foreign_endpoint(foreign());
    let orders = asked.stack("orders");
    let id = orders.create(&properties()).await.succeeded().physical_id;
    asked.forget(&orders);
    let answer = asked.answer(&status()).await;
    let endpoint = &answer["Endpoints"][0];
    assert_eq!((&endpoint["EndpointId"], &endpoint["Ownership"]), (&json!(id), &json!("Foreign")));
    assert_eq!(endpoint["Holders"][0]["StackExists"], false);
    assert_eq!(endpoint["Orphaned"], false, "what others created is never an orphan");
}

#[tokio::test(start_paused = true)]
async fn where_the_stacks_cannot_be_listed_it_says_so_and_claims_nothing() {
    for (faults, sentence) in [
        (vec![StacksFault::Throttled; 5], "CloudFormation returned Throttling: Rate exceeded."),
        (vec![StacksFault::Unavailable; 5], "CloudFormation returned ServiceUnavailable"),
        (vec![StacksFault::Garbage; 5], "could not be read"),
        (vec![StacksFault::CutOff; 5], "could not be read"),
        (vec![StacksFault::Reset; 5], "the connection to CloudFormation failed"),
        (vec![StacksFault::Hang; 5], "did not respond in time"),
    ] {
        let cloud = Cloud::new();
        let asked = Asked::new(&cloud);
        asked.stack("orders").create(&properties()).await.succeeded();
        asked.stacks.fail(faults.clone());
        let answer = asked.answer(&status()).await;
        assert_eq!(answer["Endpoints"][0]["Holders"][0]["StackExists"], Value::Null, "{faults:?}");
        assert_eq!(answer["Commands"], json!([]));
        let warnings = strings(&answer["Warnings"]);
        assert!(warnings.len() == 1 && warnings[0].contains(sentence), "{faults:?}: {warnings:?}");
        // What passes is no reason to know nothing.
        asked.stacks.fail([faults[0]]);
        let answer = asked.answer(&status()).await;
        assert_eq!(answer["Endpoints"][0]["Holders"][0]["StackExists"], true, "{faults:?}");
    }
}

/// The role in `template.yaml` is allowed to list the stacks, by one statement, and needs it.
#[tokio::test(start_paused = true)]
async fn the_role_may_list_the_stacks_and_that_is_what_one_statement_is_for() {
    let policies = crate::least_privilege::policies();
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    asked.stack("orders").create(&properties()).await.succeeded();
    asked.stacks.set_policy(Policy::read(&policies).unwrap());
    let answer = asked.answer(&status()).await;
    assert_eq!(answer["Endpoints"][0]["Holders"][0]["StackExists"], true);
    let mut less = policies.clone();
    let mut actions = Vec::new();
    for document in &mut less {
        let statements = document["Statement"].as_array_mut().unwrap();
        statements.retain(|statement| {
            let of_cloudformation = statement["Action"].to_string().contains("cloudformation:");
            if of_cloudformation {
                actions.push(statement["Action"].clone());
            }
            !of_cloudformation
        });
    }
    let expected = [json!("cloudformation:DescribeStacks"), json!("cloudformation:DescribeStackResource")];
    assert_eq!(actions, expected, "nothing else is allowed");
    asked.stacks.set_policy(Policy::read(&less).unwrap());
    let answer = asked.answer(&status()).await;
    assert_eq!(answer["Endpoints"][0]["Holders"][0]["StackExists"], Value::Null);
    let warnings = strings(&answer["Warnings"]);
    assert!(warnings[0].contains("not allowed to perform cloudformation:DescribeStacks. Allow it"), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn the_calls_grow_by_page() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let orders = asked.stack("orders");
    orders.create(&properties()).await.succeeded();
    for n in 0..250 {
        asked.stacks.set_stack(&cloud.stack(&format!("app-{n}")).arn, "UPDATE_ROLLBACK_COMPLETE");
    }
    asked.stacks.set_stack(&orders.arn, "UPDATE_COMPLETE");
    let (calls, ec2) = (asked.stacks.calls(), cloud.sim.log().len());
    let answer = asked.answer(&status()).await;
    assert_eq!(answer["Endpoints"][0]["Holders"][0]["StackExists"], true, "it is on the last page");
    assert_eq!(asked.stacks.calls() - calls, 3);
    let mut ec2 = cloud.calls(ec2);
    ec2.sort();
    assert_eq!(ec2, ["DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcEndpoints"], "at the same time");
}

#[tokio::test(start_paused = true)]
async fn an_orphan_and_a_security_group_without_an_endpoint_are_found() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let orders = asked.stack("orders");
    let managed = with(properties(), json!({ "SecurityGroupIds": null }));
    let id = orders.create(&managed).await.succeeded().physical_id;
    cloud.sim.remove_tag(&id, &orders.ref_key());
    cloud.pass(20).await;
    let answer = asked.answer(&status()).await;
    assert_eq!(answer["Endpoints"][0]["Orphaned"], true);
    assert_eq!(answer["SecurityGroups"], json!([]), "the endpoint uses it");
    let command = strings(&answer["Commands"])[0];
    let hash = Holder::new(&orders.arn, "TiDB").hash;
    assert!(command.contains(&format!("\"EndpointId\":\"{id}\",\"Holder\":\"{hash}\"")), "{command}");

    cloud.sim.delete_endpoint(&id);
    cloud.pass(600).await;
    let answer = asked.answer(&status()).await;
    assert_eq!(answer["Endpoints"], json!([]));
    let group = &answer["SecurityGroups"][0];
    assert_eq!((&group["VpcId"], &group["IsMark"]), (&json!(VPC), &json!(false)));
    let delete = format!("aws ec2 delete-security-group --group-id {}", group["GroupId"].as_str().unwrap());
    assert_eq!(strings(&answer["Commands"]), [delete.as_str()]);
}

/// A Create whose mark is deleted stops, so no command deletes a mark.
#[tokio::test(start_paused = true)]
async fn whoever_runs_every_command_does_not_stop_a_running_create() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let taken = cloud.sim.create_foreign_endpoint(ec2_sim::EndpointSpec { state: State::Available, ..foreign() });
    cloud.sim.update_knobs(|knobs| knobs.delete_ms = ec2_sim::Span::exactly(90_000));
    cloud.sim.delete_endpoint(&taken);
    let event = asked.stack("orders").event("Create", &properties());
    let create = tokio::spawn({
        let cloud = cloud.clone();
        async move { cloud.deliver(&event).await }
    });
    cloud.pass(20).await;
    let answer = asked.answer(&status()).await;
    let groups = answer["SecurityGroups"].as_array().unwrap();
    assert_eq!(groups.len(), 1, "{answer}");
    assert_eq!(groups[0]["IsMark"], true);
    let text = answer["Text"].as_str().unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the mark of a Create that is running or has died"), "{text}");
    assert_eq!(answer["Commands"], json!([]));
    create.await.unwrap().succeeded();
}

/// Another address of CloudFormation, for tests and local runs: plain HTTP goes to this computer only.
#[tokio::test(start_paused = true)]
async fn plain_http_to_another_computer_is_refused() {
    let stacks = ec2_sim::CloudFormation::default();
    let credentials = || SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "s3cr3t", None, None, "tests"));
    let clock = Clock::starting_at("2026-11-23T09:00:00Z".parse().unwrap());
    for (url, is_accepted) in [
        ("http://127.0.0.1:4566", true),
        ("http://localhost:4566/", true),
        ("http://[::1]:4566", true),
        ("https://cloudformation.example.com", true),
        ("http://cloudformation.example.com", false),
        ("http://127.0.0.1.example.com", false),
        ("http://10.0.0.1:4566", false),
        ("http://127.0.0.1@example.com", false),
        ("ftp://127.0.0.1", false),
        ("127.0.0.1:4566", false),
    ] {
        let calls = stacks.calls();
        let client = CloudFormation::new(stacks.connector(), credentials(), REGION, Some(url));
        let listed = client.stacks(&clock).await;
        assert_eq!(listed.is_ok(), is_accepted, "{url}: {listed:?}");
        assert_eq!(stacks.calls() > calls, is_accepted, "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn it_says_who_requests_a_rule_and_what_differs_from_requests() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let managed = with(properties(), json!({ "SecurityGroupIds": null }));
    let narrow = with(managed.clone(), json!({ "AllowedCidrs": ["10.0.1.0/24"] }));
    let id = asked.stack("orders").create(&managed).await.succeeded().physical_id;
    asked.stack("billing").create(&narrow).await.succeeded();
    cloud.pass(20).await;
    for question in [status(), json!({ "Ask": "Status", "EndpointId": id })] {
        let answer = asked.answer(&question).await;
        let rules = answer["Endpoints"][0]["Rules"].as_array().unwrap().iter();
        let mut rules: Vec<String> = rules.map(|rule| format!("{} {}", rule["Source"], rule["RequestedBy"])).collect();
        rules.sort();
        assert_eq!(
            rules,
            [
                r#""10.0.0.0/16" ["orders/TiDB"]"#,
                r#""10.0.1.0/24" ["billing/TiDB"]"#,
                r#""100.64.0.0/20" ["orders/TiDB"]"#,
            ]
        );
        assert_eq!(answer["Endpoints"][0]["Differences"], json!([]));
    }
    let form = format!("Action=ModifyVpcEndpoint&Version=2016-11-15&VpcEndpointId={id}&PrivateDnsEnabled=false");
    assert_eq!(cloud.sim.call(&form).await.status, 200);
    cloud.pass(60).await;
    let answer = asked.answer(&status()).await;
    let differences = strings(&answer["Endpoints"][0]["Differences"]);
    let expected =
        ["billing/TiDB requests private DNS, which is off.", "orders/TiDB requests private DNS, which is off."];
    let mut sorted = differences.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}
