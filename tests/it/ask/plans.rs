//! Stories of a plan. What a plan says is what the event then does.

use super::{Asked, strings};
use crate::cloud::*;
use ec2_sim::Outcome;
use serde_json::{Value, json};

fn plan(properties: &Value) -> Value {
    json!({ "Ask": "Plan", "ResourceProperties": properties })
}

fn existing(stack: &Stack, id: &str, request_type: &str, new: &Value, old: &Value) -> Value {
    json!({
        "Ask": "Plan", "RequestType": request_type, "ResourceProperties": new, "OldResourceProperties": old,
        "StackId": stack.arn, "LogicalResourceId": stack.logical_id, "PhysicalResourceId": id,
    })
}

/// The changes in a plan, as API actions.
fn planned(plan: &Value) -> Vec<&str> {
    let steps = plan["Steps"].as_array().unwrap().iter().map(|step| step["Action"].as_str().unwrap());
    let action = |step: &str| match step {
        "create endpoint" => "CreateVpcEndpoint",
        "modify endpoint" => "ModifyVpcEndpoint",
        "delete endpoint" => "DeleteVpcEndpoints",
        "write reference" | "announce" | "write tags" => "CreateTags",
        "remove reference" | "remove announcement" => "DeleteTags",
        "create security group" | "mark the Create" => "CreateSecurityGroup",
        "delete security group" | "remove mark" => "DeleteSecurityGroup",
        "authorize ingress" => "AuthorizeSecurityGroupIngress",
        "revoke ingress" => "RevokeSecurityGroupIngress",
        other => panic!("{other}"),
    };
    steps.filter(|step| *step != "wait").map(action).collect()
}

/// The changes that EC2 has accepted since a call. An announcement that is renewed because EC2 takes long counts once.
fn done(cloud: &Cloud, from: usize) -> Vec<String> {
    let log = cloud.sim.log();
    let mut announced = false;
    let changes = log.iter().skip(from).filter(|call| !call.action.starts_with("Describe")).filter(|call| {
        let is_leaving = call.action == "CreateTags" && call.params.values().any(|value| value.contains(":leaving:"));
        !(is_leaving && std::mem::replace(&mut announced, true))
    });
    changes.filter(|call| call.outcome == Some(Outcome::Ok)).map(|call| call.action.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_plan_says_is_what_the_event_does() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let (orders, billing) = (asked.stack("orders"), asked.stack("billing"));
    let managed = with(properties(), json!({ "SecurityGroupIds": null }));
    let closed = with(managed.clone(), json!({ "AllowedCidrs": ["10.0.1.0/24"], "PrivateDnsEnabled": "false" }));

    let check = async |question: Value, event: Value, outcome: &str| {
        let plan = asked.answer(&question).await;
        assert_eq!(plan["Refusals"], json!([]));
        assert_eq!(plan["Outcome"], outcome, "{plan:#}");
        let from = cloud.sim.log().len();
        let answered = cloud.deliver(&event).await.succeeded();
        assert_eq!(planned(&plan), done(&cloud, from), "{}", plan["Text"].as_str().unwrap());
        if outcome != "created" {
            assert_eq!(plan["EndpointId"], answered.physical_id);
        }
        let warnings = answered.data.get("Warnings").cloned().unwrap_or_default();
        for warning in strings(&plan["Warnings"]) {
            assert!(warnings.contains(warning), "{warning}");
        }
        cloud.pass(60).await;
        answered.physical_id
    };
    let id = check(plan(&managed), orders.event("Create", &managed), "created").await;
    check(plan(&managed), billing.event("Create", &managed), "joined").await;
    let update = existing(&billing, &id, "Update", &closed, &managed);
    check(update, billing.update_event(&id, &closed, &managed), "updated").await;
    let same = existing(&orders, &id, "Update", &managed, &managed);
    check(same, orders.update_event(&id, &managed, &managed), "unchanged").await;
    let delete = existing(&orders, &id, "Delete", &managed, &managed);
    check(with(delete, json!({ "OldResourceProperties": null })), orders.delete_event(&id, &managed), "released").await;
    let delete = existing(&billing, &id, "Delete", &closed, &closed);
    check(with(delete, json!({ "OldResourceProperties": null })), billing.delete_event(&id, &closed), "deleted").await;
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_plan_to_create_names_subnets_zones_permissions_and_cost() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let managed = with(properties(), json!({ "SecurityGroupIds": null, "Port": 4000 }));
    let answer = asked.answer(&plan(&managed)).await;
    let text = answer["Text"].as_str().unwrap();
    assert!(text.starts_with("An endpoint would be created.\n\nSteps\n"), "{text}");
    assert_eq!((&answer["EndpointId"], &answer["MonthlyCost"]), (&Value::Null, &json!("14.60")));
    for part in [
        "creating the security group tidb-private-endpoint-vpce-svc-".to_owned(),
        format!("{SUBNET_AZ1} in use1-az1, a zone of the service"),
        "waiting for the new endpoint to become available".to_owned(),
        "private DNS on".to_owned(),
        "ec2:CreateVpcEndpoint".to_owned(),
        "route53:AssociateVPCWithHostedZone".to_owned(),
        "Nothing was changed.".to_owned(),
    ] {
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
        assert!(flat.contains(&part.to_lowercase()), "{part}: {text}");
    }
    assert_eq!(cloud.changes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn refusals_are_those_of_the_event() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let faulty = json!({ "ServiceNames": SERVICE, "VpcId": "vpc", "Port": "x" });
    let answer = asked.answer(&plan(&faulty)).await;
    assert_eq!(answer["Refusals"].as_array().unwrap().len(), 4, "all faults together: {answer:#}");
    let other_zone = with(properties(), json!({ "AvailabilityZoneIds": ["use1-az9"] }));
    let unknown_group = with(properties(), json!({ "SecurityGroupIds": ["sg-0123456789abcdef0"] }));
    for refused in [other_zone, unknown_group] {
        let answer = asked.answer(&plan(&refused)).await;
        let refusals = strings(&answer["Refusals"]);
        assert_eq!((refusals.len(), &answer["Outcome"]), (1, &Value::Null));
        let reason = cloud.stack("orders").create(&refused).await.failed();
        assert!(reason.starts_with(refusals[0]), "{reason}: {refusals:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_knows_the_service_of_a_cluster() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let answer = asked.answer(&plan(&of_cluster(CLUSTER))).await;
    assert_eq!((&answer["Outcome"], &answer["MonthlyCost"]), (&json!("created"), &json!("7.30")));
    assert!(answer["Text"].as_str().unwrap().contains(SERVICE), "{answer:#}");
    let unknown = of_cluster("10588888888888888888");
    let answer = asked.answer(&plan(&unknown)).await;
    let refusals = strings(&answer["Refusals"]);
    assert!(refusals.len() == 1 && refusals[0].contains("shows no cluster 10588888888888888888"), "{refusals:?}");
    assert_eq!(cloud.changes(), [""; 0]);
}
