//! An update does not depend on TiDB Cloud: months after the Create, the API key may be gone, or the cluster. A failed update
//! is rolled back by another one, and if that failed, too, the stack would be stuck.

use super::changed;
use crate::ask::Asked;
use crate::cloud::*;
use ec2_sim::{Verdict, WebCall};
use jiff::SignedDuration;
use serde_json::{Value, json};
use tidb_private_endpoint::model::prefixes::Prefixes;
use tidb_private_endpoint::model::tags::{Holder, Mark};
use tidb_private_endpoint::model::wanted::Wanted;

const CLUSTER_ATTRIBUTES: [&str; 5] = ["UserPrefix", "UserName", "JdbcUrl", "MysqlCommand", "MariaDbCommand"];
const RECORDED: &str = "This update uses the endpoint service and the user name that are recorded for the cluster";
const NOT_RECORDED: &str = "Nothing is recorded of the cluster that this update could use instead.";

type Failure = fn(&Cloud);

/// What can be wrong with the key, the cluster, and the API; and what is said then.
fn failures() -> [(&'static str, Failure); 8] {
    [
        ("TiDB Cloud does not accept the API key", |cloud| {
            cloud.secrets.put(API_KEY_SECRET, secret("{\"PublicKey\":\"other\",\"PrivateKey\":\"key\"}"));
        }),
        ("is in state DELETED", |cloud| cloud.api.put(CLUSTER, changed(&[("/state", json!("DELETED"))]))),
        ("TiDB Cloud shows no cluster", |cloud| cloud.api.on_call(|_| Verdict::fail(404, "5", "not found"))),
        ("was not found in Secrets Manager", |cloud| {
            cloud.secrets.on_call(|_| Verdict::fail(400, "ResourceNotFoundException", "Not found."));
        }),
        ("secretsmanager:GetSecretValue", |cloud| {
            cloud.secrets.on_call(|_| Verdict::fail(400, "AccessDeniedException", "Denied."));
        }),
        ("exclusive model", |cloud| cloud.api.put(CLUSTER, changed(&[("/endpoints", Value::Null)]))),
        ("did not answer about the cluster", |cloud| cloud.api.on_call(|_| Verdict::internal_error())),
        ("did not answer about the cluster", |cloud| cloud.api.on_call(|_| Verdict::Hang)),
    ]
}

fn cluster_attributes(answered: &Answered) -> Vec<String> {
    CLUSTER_ATTRIBUTES.iter().map(|name| answered.data[*name].clone()).collect()
}

/// One cluster is gone, and the API knows the others.
fn remove(cloud: &Cloud, cluster: &'static str) {
    cloud.api.on_call(
        move |call: &WebCall| {
            if call.uri.contains(cluster) { Verdict::fail(404, "5", "not found") } else { Verdict::Proceed }
        },
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_that_tidb_cloud_does_not_answer_does_with_what_is_recorded() {
    let own_group = with(of_cluster(CLUSTER), json!({ "SecurityGroupIds": null }));
    for (says, fail) in failures() {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let created = stack.create(&own_group).await.succeeded();
        fail(&cloud);
        let wider = with(own_group.clone(), json!({ "AllowedCidrs": ["10.9.0.0/16"] }));
        for (new, old) in [(&wider, &own_group), (&own_group, &wider)] {
            let (begun, rules) = (cloud.sim.now(), cloud.count("AuthorizeSecurityGroupIngress"));
            let updated = stack.update(&created.physical_id, new, old).await.succeeded();
            assert_eq!(updated.physical_id, created.physical_id, "{says}");
            assert_eq!(cluster_attributes(&updated), cluster_attributes(&created), "{says}");
            assert_eq!(updated.data["AvailabilityZoneIds"], created.data["AvailabilityZoneIds"], "{says}");
            let warnings = &updated.data["Warnings"];
            assert!(warnings.contains(RECORDED) && warnings.contains(says), "{says}: {warnings}");
            assert_eq!(cloud.count("AuthorizeSecurityGroupIngress"), rules + 1, "the update does its work");
            assert!(cloud.sim.now().duration_since(begun) < SignedDuration::from_secs(180), "{says}");
        }
        cloud.api.on_call(|_| Verdict::Proceed);
        cloud.secrets.on_call(|_| Verdict::Proceed);
        cloud.api.put(CLUSTER, changed(&[]));
        cloud
            .secrets
            .put(API_KEY_SECRET, secret(&json!({ "PublicKey": PUBLIC_KEY, "PrivateKey": PRIVATE_KEY }).to_string()));
        let mended = stack.update(&created.physical_id, &wider, &own_group).await.succeeded();
        assert_eq!((mended.data["Warnings"].as_str(), cluster_attributes(&mended)), ("", cluster_attributes(&created)));
        stack.leave(&created.physical_id, &wider).await.succeeded();
        cloud.assert_clean();
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_service_timeout_is_enough_for_an_update_during_an_outage() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&of_cluster(CLUSTER)).await.succeeded().physical_id;
    cloud.api.on_call(|_| Verdict::Hang);
    let short = with(of_cluster(CLUSTER), json!({ "ServiceTimeout": "90" }));
    let updated = stack.update(&id, &short, &of_cluster(CLUSTER)).await.succeeded();
    assert!(updated.data["Warnings"].contains(RECORDED), "{}", updated.data["Warnings"]);
}

/// The outage is shorter than what an update has patience for.
#[tokio::test(start_paused = true)]
async fn an_outage_of_half_a_minute_is_waited_for() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&of_cluster(CLUSTER)).await.succeeded().physical_id;
    let (sim, until) = (cloud.sim.clone(), cloud.sim.now() + SignedDuration::from_secs(30));
    cloud.api.on_call(move |_| if sim.now() < until { Verdict::internal_error() } else { Verdict::Proceed });
    let updated = stack.update(&id, &of_cluster(CLUSTER_TOO), &of_cluster(CLUSTER)).await.succeeded();
    assert_eq!((updated.data["UserPrefix"].as_str(), updated.data["Warnings"].as_str()), ("3pTAoNNegb47Uc8", ""));
}

/// The first cluster was deleted, the update to the second one has succeeded, and another resource of the stack fails.
#[tokio::test(start_paused = true)]
async fn the_rollback_to_a_cluster_that_is_gone_succeeds() {
    for second in [CLUSTER_TOO, CLUSTER_2] {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let created = stack.create(&of_cluster(CLUSTER)).await.succeeded();
        remove(&cloud, CLUSTER);
        let updated = stack.update(&created.physical_id, &of_cluster(second), &of_cluster(CLUSTER)).await.succeeded();
        assert_eq!(updated.physical_id == created.physical_id, second == CLUSTER_TOO);
        let back = stack.update(&updated.physical_id, &of_cluster(CLUSTER), &of_cluster(second)).await.succeeded();
        assert_eq!(back.physical_id, created.physical_id);
        assert_eq!(cluster_attributes(&back), cluster_attributes(&created));
        assert!(back.data["Warnings"].contains(RECORDED), "{}", back.data["Warnings"]);
        if updated.physical_id != created.physical_id {
            stack.leave(&updated.physical_id, &of_cluster(second)).await.succeeded();
        }
        stack.leave(&created.physical_id, &of_cluster(CLUSTER)).await.succeeded();
        cloud.assert_clean();
    }
}

/// The cluster that an update names does not exist, and the key has been deleted.
#[tokio::test(start_paused = true)]
async fn the_rollback_of_an_update_that_has_failed_succeeds() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&of_cluster(CLUSTER)).await.succeeded();
    cloud.api.on_call(|_| Verdict::fail(401, "16", "unauthenticated"));
    let unknown = of_cluster("10588888888888888888");
    let reason = stack.update(&created.physical_id, &unknown, &of_cluster(CLUSTER)).await.failed();
    assert!(reason.contains(NOT_RECORDED) && reason.contains("--resources-to-skip TiDB"), "{reason}");
    let back = stack.update(&created.physical_id, &of_cluster(CLUSTER), &unknown).await.succeeded();
    assert_eq!(cluster_attributes(&back), cluster_attributes(&created));
}

/// An earlier version has written the reference; or somebody else, who would like to have a command run.
#[tokio::test(start_paused = true)]
async fn without_a_record_the_reason_says_how_to_get_out() {
    for record in ["", " cluster=10581234567890123456:$(reboot)", " cluster=10582222222222222222:3pTAoNNegb47Uc8"] {
        let cloud = Cloud::new();
        let stack = cloud.stack("orders");
        let id = stack.create(&of_cluster(CLUSTER)).await.succeeded().physical_id;
        cloud.sim.set_tag(&id, &stack.ref_key(), &format!("orders/TiDB 1f2e3d4c5b6a{record} dns=on"));
        cloud.pass(10).await;
        cloud.api.on_call(|_| Verdict::fail(404, "5", "not found"));
        let changes = cloud.changes();
        let new = with(of_cluster(CLUSTER), json!({ "Trigger": "again" }));
        let reason = stack.update(&id, &new, &of_cluster(CLUSTER)).await.failed();
        let says = ["TiDB Cloud shows no cluster", NOT_RECORDED, "`aws cloudformation continue-update-rollback`"];
        assert!(says.iter().all(|words| reason.contains(words)), "{reason}");
        assert_eq!(cloud.changes(), changes);
        // When the API answers again, the update adds the record.
        cloud.api.on_call(|_| Verdict::Proceed);
        stack.update(&id, &new, &of_cluster(CLUSTER)).await.succeeded();
        cloud.api.on_call(|_| Verdict::fail(404, "5", "not found"));
        stack.update(&id, &of_cluster(CLUSTER), &new).await.succeeded();
    }
}

/// On a foreign endpoint, and on one of another VPC, the reference has no request, or another one.
#[tokio::test(start_paused = true)]
async fn the_record_is_on_every_endpoint() {
    let cloud = Cloud::new();
    let id = cloud.sim.create_foreign_endpoint(foreign());
    let elsewhere =
        with(of_cluster(CLUSTER_TOO), json!({ "VpcId": VPC_2, "ReuseScope": "Region", "SecurityGroupIds": null }));
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let mut created = Vec::new();
    for (stack, wanted) in [(&orders, &of_cluster(CLUSTER)), (&billing, &elsewhere)] {
        created.push(stack.create(wanted).await.succeeded());
    }
    cloud.api.on_call(|_| Verdict::Reset);
    for ((stack, wanted), before) in [(&orders, &of_cluster(CLUSTER)), (&billing, &elsewhere)].into_iter().zip(created)
    {
        let again = with(wanted.clone(), json!({ "Trigger": "again" }));
        let updated = stack.update(&id, &again, wanted).await.succeeded();
        assert_eq!((&updated.physical_id, cluster_attributes(&updated)), (&id, cluster_attributes(&before)));
        assert!(updated.data["Warnings"].contains(RECORDED), "{}", updated.data["Warnings"]);
    }
}

/// Nothing is recorded for a resource that does not exist yet, or for one whose endpoint is gone.
#[tokio::test(start_paused = true)]
async fn neither_a_create_nor_a_lost_endpoint_has_a_record() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let id = stack.create(&of_cluster(CLUSTER)).await.succeeded().physical_id;
    remove(&cloud, CLUSTER);
    let reason = cloud.stack("billing").create(&of_cluster(CLUSTER)).await.failed();
    assert!(reason.contains("TiDB Cloud shows no cluster") && !reason.contains(NOT_RECORDED), "{reason}");
    cloud.sim.delete_endpoint(&id);
    cloud.pass(600).await;
    let new = with(of_cluster(CLUSTER), json!({ "Trigger": "again" }));
    let reason = stack.update(&id, &new, &of_cluster(CLUSTER)).await.failed();
    assert!(reason.contains(NOT_RECORDED), "{reason}");
}

/// A plan of the update says the same.
#[tokio::test(start_paused = true)]
async fn a_plan_does_with_what_is_recorded() {
    let cloud = Cloud::new();
    let (asked, stack) = (Asked::new(&cloud), cloud.stack("orders"));
    let id = stack.create(&of_cluster(CLUSTER)).await.succeeded().physical_id;
    remove(&cloud, CLUSTER);
    let new = with(of_cluster(CLUSTER), json!({ "Trigger": "again" }));
    let question = json!({
        "Ask": "Plan", "RequestType": "Update", "ResourceProperties": new, "OldResourceProperties": of_cluster(CLUSTER),
        "StackId": stack.arn, "LogicalResourceId": stack.logical_id, "PhysicalResourceId": id,
    });
    let plan = asked.answer(&question).await;
    assert_eq!(plan["Refusals"], json!([]));
    assert!(plan["Warnings"][0].as_str().unwrap().contains(RECORDED), "{plan}");
    cloud.sim.remove_tag(&id, &stack.ref_key());
    cloud.pass(10).await;
    let plan = asked.answer(&question).await;
    assert!(plan["Refusals"][0].as_str().unwrap().contains(NOT_RECORDED), "{plan}");
}

/// What is requested comes first, as it is what protects it from others.
#[test]
fn a_reference_has_room_for_what_is_requested_and_for_clusters_if_that_fits() {
    let long = Holder::new("arn:aws:cloudformation:us-east-1:123456789012:stack/a/b", &"x".repeat(200));
    let (mark, known) = (Mark("0123456789ab".to_owned()), "cluster=10581234567890123456:28cDWcUJJiewaQ7");
    let known = format!("{known}+10582222222222222222:3pTAoNNegb47Uc8");
    let lists: Vec<String> = (0..60).map(|n| format!("10.{n}.0.0/16")).collect();
    for (request, clusters) in [
        ("dns=on".to_owned(), known.as_str()),
        ("dns=off subnets=@ zones=@ groups=@ from=@ tags=@ port=65535 type=dualstack".to_owned(), ""),
        (format!("dns=on from={}", lists[..10].join("+")), &known[..44]),
    ] {
        let wanted = Wanted::parse(&request).unwrap();
        let (value, _) = long.ref_value(&mark, &Prefixes::read(&known), Some(&wanted));
        assert!(value.chars().count() <= 256, "{value}");
        assert_eq!(Prefixes::read(&value), Prefixes::read(clusters), "{value}");
    }
}
