//! Stories of a release.

use super::Asked;
use crate::cloud::*;
use ec2_sim::{Span, StacksFault, State, Verdict};
use serde_json::{Value, json};
use std::time::Duration;
use tidb_private_endpoint::model::tags::Holder;

fn release(id: &str, stack: &Stack) -> Value {
    let holder = Holder::new(&stack.arn, &stack.logical_id).hash;
    json!({ "Ask": "Release", "EndpointId": id, "Holder": holder })
}

fn anyway(id: &str, stack: &Stack) -> Value {
    with(release(id, stack), json!({ "StackExists": "ReleaseAnyway" }))
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_stack_is_gone_is_found_and_released_and_the_last_one_takes_the_endpoint_with_it() {
    let cloud = Cloud::of(|world| world.knobs.deleted_listed_ms = Span::exactly(60_000));
    let asked = Asked::new(&cloud);
    let (orders, billing) = (asked.stack("orders"), asked.stack("billing"));
    let managed = with(properties(), json!({ "SecurityGroupIds": null, "Tags": [{ "Key": "Team", "Value": "db" }] }));
    let id = orders.create(&managed).await.succeeded().physical_id;
    billing.create(&with(managed.clone(), json!({ "Tags": null }))).await.succeeded();
    asked.forget(&orders);
    let answer = asked.answer(&release(&id, &orders)).await;
    assert_eq!(answer["Outcome"], "Released");
    assert_eq!(cloud.endpoint().state, State::Available);
    assert!(!cloud.endpoint().tags.contains_key(&orders.ref_key()));
    assert!(cloud.endpoint().tags.contains_key(&billing.ref_key()));
    assert!(!cloud.endpoint().tags.contains_key("Team"), "what it brought goes with it");

    asked.forget(&billing);
    let answer = asked.answer(&release(&id, &billing)).await;
    assert_eq!(answer["Outcome"], "Deleted");
    let text = answer["Text"].as_str().unwrap();
    assert_eq!(text, format!("{id} is deleted: nobody used it after billing/TiDB was released.\n"));
    assert_eq!(cloud.sim.endpoints(), []);
    assert!(!cloud.sim.groups().iter().any(|group| group.name.starts_with("tidb-private-endpoint")));
    // EC2 still lists it for a while.
    assert_eq!(asked.answer(&release(&id, &billing)).await["Outcome"], "Deleted");
    cloud.pass(3_600).await;
    assert_eq!(asked.answer(&release(&id, &billing)).await["Outcome"], "Absent");
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_released_while_the_stack_exists_or_may_exist() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let orders = asked.stack("orders");
    let id = orders.create(&properties()).await.succeeded().physical_id;
    let before = cloud.changes();
    let error = asked.ask(&release(&id, &orders)).await.unwrap_err();
    let expected = format!("orders/TiDB is not released from {id}, because its stack exists.");
    assert!(error.starts_with(&expected) && error.contains("ReleaseAnyway"), "{error}");
    asked.forget(&orders);
    asked.stacks.fail([StacksFault::Unavailable; 5]);
    let error = asked.ask(&release(&id, &orders)).await.unwrap_err();
    assert!(error.contains("the provider cannot determine whether its stack exists"), "{error}");
    assert_eq!(cloud.changes(), before);

    asked.stacks.set_stack(&orders.arn, "UPDATE_COMPLETE");
    assert_eq!(asked.answer(&anyway(&id, &orders)).await["Outcome"], "Deleted");
    assert_eq!(cloud.sim.endpoints(), []);
}

/// A stack of another account may use the provider. Which stacks there are, only that account can tell.
#[tokio::test(start_paused = true)]
async fn a_holder_of_another_account_is_not_taken_for_gone() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let mut orders = cloud.stack("orders");
    orders.arn = orders.arn.replace(ACCOUNT, "444455556666");
    let id = orders.create(&properties()).await.succeeded().physical_id;
    cloud.pass(10).await;
    let status = asked.answer(&json!({ "Ask": "Status" })).await;
    let holder = &status["Endpoints"][0]["Holders"][0];
    assert_eq!((&holder["Stack"], &holder["StackExists"]), (&json!("444455556666:orders"), &Value::Null));
    assert_eq!((&status["Commands"], &status["Counts"]["StaleReferences"]), (&json!([]), &json!(0)));
    let error = asked.ask(&release(&id, &orders)).await.unwrap_err();
    assert!(error.contains("the provider cannot determine whether its stack exists"), "{error}");
    assert!(error.contains("The stacks of account 444455556666 cannot be listed"), "{error}");
    // A longer name begins with the account, too.
    let mut long = cloud.stack(&"x".repeat(110));
    (long.arn, long.logical_id) = (long.arn.replace(ACCOUNT, "444455556666"), "y".repeat(110));
    long.create(&properties()).await.succeeded();
    cloud.pass(10).await;
    let status = asked.answer(&json!({ "Ask": "Status" })).await;
    let holders = status["Endpoints"][0]["Holders"].as_array().unwrap();
    assert!(holders.len() == 2 && holders.iter().all(|holder| holder["StackExists"].is_null()), "{status}");
    assert_eq!(asked.answer(&anyway(&id, &orders)).await["Outcome"], "Released");
}

#[tokio::test(start_paused = true)]
async fn a_release_that_dies_anywhere_is_continued_by_the_next() {
    // The whole release takes about two minutes, most of it the deletion.
    for seconds in (1..100).step_by(3) {
        let cloud = Cloud::new();
        let asked = Asked::new(&cloud);
        let orders = asked.stack("orders");
        let id = orders.create(&properties()).await.succeeded().physical_id;
        asked.forget(&orders);
        let first = release(&id, &orders);
        let _ = tokio::time::timeout(Duration::from_secs(seconds), asked.ask(&first)).await;
        // The first one may die when the endpoint is already gone.
        let outcome = asked.answer(&release(&id, &orders)).await["Outcome"].clone();
        assert!(outcome == "Deleted" || outcome == "Absent", "{seconds} s: {outcome}");
        assert_eq!(cloud.sim.endpoints(), [], "{seconds} s");
        cloud.assert_clean();
    }
}

/// A stack joins while the last holder, whose stack is gone, is released.
#[tokio::test(start_paused = true)]
async fn whoever_joins_meanwhile_keeps_the_endpoint() {
    for seconds in (0..60).step_by(2) {
        let cloud = Cloud::new();
        let asked = Asked::new(&cloud);
        let (orders, billing) = (asked.stack("orders"), asked.stack("billing"));
        let id = orders.create(&properties()).await.succeeded().physical_id;
        asked.forget(&orders);
        let join = async {
            cloud.pass(seconds).await;
            billing.create(&properties()).await.succeeded()
        };
        let question = release(&id, &orders);
        let (answer, joined) = tokio::join!(asked.answer(&question), join);
        let endpoint = cloud.endpoint();
        assert_eq!(endpoint.id, joined.physical_id, "{seconds} s");
        assert_eq!(endpoint.state, State::Available, "{seconds} s: {answer}");
        assert!(endpoint.tags.contains_key(&billing.ref_key()), "{seconds} s");
        billing.delete(&joined.physical_id).await.succeeded();
        cloud.assert_clean();
    }
}

/// What is released is the reference that was seen when the stack was looked for, and no other.
#[tokio::test(start_paused = true)]
async fn a_reference_that_is_written_anew_meanwhile_stays() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let (orders, billing) = (asked.stack("orders"), asked.stack("billing"));
    let id = orders.create(&properties()).await.succeeded().physical_id;
    billing.create(&properties()).await.succeeded();
    let (sim, key, endpoint) = (cloud.sim.clone(), orders.ref_key(), id.clone());
    cloud.sim.on_call(move |call| {
        if call.action == "DeleteTags" {
            sim.set_tag(&endpoint, &key, "orders/TiDB 0123456789ab");
        }
        Verdict::Proceed
    });
    asked.answer(&anyway(&id, &orders)).await;
    assert_eq!(cloud.endpoint().tags[&orders.ref_key()], "orders/TiDB 0123456789ab");
    assert_eq!(cloud.endpoint().state, State::Available);
}

#[tokio::test(start_paused = true)]
async fn what_was_never_held_is_absent_and_an_orphan_is_deleted() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let (orders, billing) = (asked.stack("orders"), asked.stack("billing"));
    let id = orders.create(&properties()).await.succeeded().physical_id;
    let before = cloud.changes();
    assert_eq!(asked.answer(&release(&id, &billing)).await["Outcome"], "Absent");
    assert_eq!(asked.answer(&release("vpce-0123456789abcdef0", &billing)).await["Outcome"], "Absent");
    assert_eq!(cloud.changes(), before);
    cloud.sim.remove_tag(&id, &orders.ref_key());
    cloud.pass(20).await;
    assert_eq!(asked.answer(&release(&id, &orders)).await["Outcome"], "Deleted");
    cloud.assert_clean();
}

/// What `docs/migrating.md` writes in its second step.
fn hand_over(cloud: &Cloud) -> String {
    let id = cloud.sim.create_foreign_endpoint(foreign());
    let guide = crate::tables::file("docs/migrating.md");
    let command = guide.split("aws ec2 create-tags").nth(1).unwrap().split("```").next().unwrap();
    let tags: Vec<_> = command.split_whitespace().filter_map(|word| word.strip_prefix("Key=")).collect();
    for tag in &tags {
        let (key, value) = tag.split_once(",Value=").unwrap();
        cloud.sim.set_tag(&id, key, value);
    }
    assert_eq!(tags.len(), 2);
    id
}

#[tokio::test(start_paused = true)]
async fn the_reference_that_keeps_an_endpoint_during_a_migration_is_not_stale() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let id = hand_over(&cloud);
    let orders = asked.stack("orders");
    orders.create(&properties()).await.succeeded();
    cloud.pass(20).await;
    let answer = asked.answer(&json!({ "Ask": "Status" })).await;
    let holders = answer["Endpoints"][0]["Holders"].as_array().unwrap();
    let exist = |hash: &str| holders.iter().find(|holder| holder["Hash"] == hash).map(|holder| &holder["StackExists"]);
    assert_eq!(exist("migration"), Some(&Value::Null));
    assert_eq!(exist(&Holder::new(&orders.arn, "TiDB").hash), Some(&json!(true)));
    assert_eq!((&answer["Counts"]["StaleReferences"], &answer["Counts"]["Orphans"]), (&json!(0), &json!(0)));
    assert_eq!(answer["Commands"], json!([]));
    let text = answer["Text"].as_str().unwrap();
    assert!(text.contains("held by migration (migration): whether the stack exists is not known"), "{text}");
    let error = asked.ask(&json!({ "Ask": "Release", "EndpointId": id, "Holder": "migration" })).await.unwrap_err();
    assert!(error.contains("24 hexadecimal digits"), "{error}");
}

/// The tag `owned` of an endpoint that was handed over has another value than a hash.
#[tokio::test(start_paused = true)]
async fn the_command_that_status_prints_deletes_an_endpoint_that_was_handed_over_and_has_no_holder() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let id = hand_over(&cloud);
    cloud.sim.remove_tag(&id, "tidb-private-endpoint:ref:migration");
    cloud.pass(20).await;
    let answer = asked.answer(&json!({ "Ask": "Status" })).await;
    assert_eq!((&answer["Counts"]["Orphans"], &answer["Endpoints"][0]["CreatedFor"]), (&json!(1), &json!("migration")));
    let [command] = super::strings(&answer["Commands"])[..] else { panic!("{answer}") };
    let payload: Value = serde_json::from_str(command.split('\'').nth(1).unwrap()).unwrap();
    assert_eq!(payload["EndpointId"], id);
    let answer = asked.answer(&payload).await;
    assert_eq!(answer["Outcome"], "Deleted");
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_foreign_endpoint_only_loses_the_reference() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let foreign = cloud.sim.create_foreign_endpoint(foreign());
    let orders = asked.stack("orders");
    orders.create(&properties()).await.succeeded();
    asked.forget(&orders);
    let answer = asked.answer(&release(&foreign, &orders)).await;
    assert_eq!(answer["Outcome"], "Released");
    let text = answer["Text"].as_str().unwrap().replace('\n', " ");
    assert!(text.contains("did not create and never deletes"), "{text}");
    assert_eq!(cloud.endpoint().state, State::Available);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_release_that_ec2_refuses_says_what_to_do() {
    let cloud = Cloud::new();
    let asked = Asked::new(&cloud);
    let orders = asked.stack("orders");
    let id = orders.create(&properties()).await.succeeded().physical_id;
    asked.forget(&orders);
    cloud.pass(120).await;
    cloud.sim.on_call(|call| match call.action.as_str() {
        "DeleteTags" => Verdict::unauthorized("DeleteTags"),
        _ => Verdict::Proceed,
    });
    let error = asked.ask(&release(&id, &orders)).await.unwrap_err();
    assert!(error.contains("not allowed to perform ec2:DeleteTags") && error.contains("Ask again"), "{error}");
}
