//! From a cluster's ID to an endpoint: with the real clients against the simulated TiDB Cloud API and Secrets Manager.

mod api;
mod faults;
mod unconfirmed;
mod waiting;

use crate::cloud::*;
use ec2_sim::{Cluster, State};
use serde_json::{Value, json};

/// A Create that is rejected without any change in EC2.
async fn rejected(cloud: &Cloud, properties: &Value, says: &[&str]) {
    let stack = cloud.stack("orders");
    let failed = stack.create(properties).await;
    cloud.deliver(&stack.delete_event(&failed.physical_id, properties)).await.succeeded();
    let reason = failed.failed();
    for words in says {
        assert!(reason.contains(words), "'{words}' is not in: {reason}");
    }
    assert_eq!(cloud.changes(), [""; 0], "{reason}");
    cloud.assert_clean();
}

/// The example cluster with some changes in what the API says about it.
fn changed(changes: &[(&str, Value)]) -> Cluster {
    Cluster::on_aws(REGION, SERVICE, "use1-az1", "28cDWcUJJiewaQ7").with(changes)
}

/// An example world in which the API says something else about the example cluster.
fn with_cluster(changes: &[(&str, Value)]) -> Cloud {
    let cloud = Cloud::new();
    cloud.api.put(CLUSTER, changed(changes));
    cloud
}

#[tokio::test(start_paused = true)]
async fn a_cluster_id_is_enough_for_an_endpoint_and_a_connection_string() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&of_cluster(CLUSTER)).await.succeeded();
    let data = &created.data;
    assert_eq!((data["ServiceName"].as_str(), data["Host"].as_str()), (SERVICE, PRIVATE_NAME));
    assert_eq!(data["AvailabilityZoneIds"], "use1-az1", "where TiDB Cloud says, and not everywhere");
    assert_eq!((data["UserPrefix"].as_str(), data["UserName"].as_str()), ("28cDWcUJJiewaQ7", "28cDWcUJJiewaQ7.root"));
    assert_eq!(
        data["JdbcUrl"],
        format!("jdbc:mysql://{PRIVATE_NAME}:4000/test?user=28cDWcUJJiewaQ7.root&sslMode=VERIFY_IDENTITY")
    );
    assert!(data["MysqlCommand"].ends_with(" -p -u 28cDWcUJJiewaQ7.root"), "{}", data["MysqlCommand"]);
    assert_eq!(data["Warnings"], "");
    assert_eq!((cloud.secrets.log().len(), cloud.api.log().len()), (1, 2), "one secret, and HTTP Digest");
    cloud.deliver(&stack.delete_event(&created.physical_id, &of_cluster(CLUSTER))).await.succeeded();
    assert_eq!((cloud.secrets.log().len(), cloud.api.log().len()), (1, 2), "a Delete asks nobody");
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn without_a_cluster_id_nobody_is_asked() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.succeeded();
    assert_eq!((created.data["UserPrefix"].as_str(), created.data["UserName"].as_str()), ("", ""));
    let other = with(properties(), json!({ "Port": 4001 }));
    stack.update(&created.physical_id, &other, &properties()).await.succeeded();
    stack.delete(&created.physical_id).await.succeeded();
    assert_eq!((cloud.secrets.log(), cloud.api.log()), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn clusters_behind_one_service_share_an_endpoint() {
    let cloud = Cloud::new();
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&of_cluster(CLUSTER)).await.succeeded();
    let second = billing.create(&of_cluster(CLUSTER_TOO)).await.succeeded();
    assert_eq!(second.physical_id, first.physical_id);
    assert_eq!(second.data["UserPrefix"], "3pTAoNNegb47Uc8");
    for stack in [&orders, &billing] {
        cloud.deliver(&stack.delete_event(&first.physical_id, &of_cluster(CLUSTER))).await.succeeded();
    }
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn another_cluster_behind_the_same_service_is_an_update_in_place() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&of_cluster(CLUSTER)).await.succeeded();
    let updated = stack.update(&created.physical_id, &of_cluster(CLUSTER_TOO), &of_cluster(CLUSTER)).await.succeeded();
    assert_eq!(updated.physical_id, created.physical_id);
    assert_eq!(updated.data["UserName"], "3pTAoNNegb47Uc8.root");
    // And so is the same service by name, from where the zones are no longer those of a cluster.
    let by_name = properties();
    let named = stack.update(&created.physical_id, &by_name, &of_cluster(CLUSTER_TOO)).await.succeeded();
    assert_eq!((named.physical_id.as_str(), named.data["UserName"].as_str()), (created.physical_id.as_str(), ""));
    assert_eq!(named.data["AvailabilityZoneIds"].split(',').count(), 2);
    let back = stack.update(&created.physical_id, &of_cluster(CLUSTER), &by_name).await.succeeded();
    assert_eq!(
        (back.physical_id.as_str(), back.data["AvailabilityZoneIds"].as_str()),
        (created.physical_id.as_str(), "use1-az1")
    );
}

#[tokio::test(start_paused = true)]
async fn a_cluster_behind_another_service_is_a_replacement() {
    let cloud = Cloud::new();
    let stack = cloud.stack("orders");
    let created = stack.create(&of_cluster(CLUSTER)).await.succeeded();
    let replaced = stack.update(&created.physical_id, &of_cluster(CLUSTER_2), &of_cluster(CLUSTER)).await.succeeded();
    assert_ne!(replaced.physical_id, created.physical_id);
    assert_eq!(replaced.data["ServiceName"], SERVICE_2);
    for id in [&created.physical_id, &replaced.physical_id] {
        cloud.deliver(&stack.delete_event(id, &of_cluster(CLUSTER_2))).await.succeeded();
    }
    assert_eq!(cloud.sim.endpoints(), []);
    cloud.assert_clean();
}

#[tokio::test(start_paused = true)]
async fn a_failed_create_of_a_cluster_leaves_nothing() {
    let cloud = Cloud::new();
    cloud.sim.on_call(|call| match call.action.as_str() {
        "CreateVpcEndpoint" => ec2_sim::Verdict::fail(400, "VpcEndpointLimitExceeded", "Too many."),
        _ => ec2_sim::Verdict::Proceed,
    });
    let stack = cloud.stack("orders");
    let wanted = with(of_cluster(CLUSTER), json!({ "SecurityGroupIds": null }));
    let failed = stack.create(&wanted).await;
    assert!(cloud.sim.groups().iter().any(|group| group.name.starts_with("tidb-private-endpoint-")));
    let asked = cloud.api.log().len();
    cloud.deliver(&stack.delete_event(&failed.physical_id, &wanted)).await.succeeded();
    assert!(!cloud.sim.groups().iter().any(|group| group.name.starts_with("tidb-private-endpoint-")));
    assert_eq!(cloud.api.log().len(), asked);
    failed.failed();
}

#[tokio::test(start_paused = true)]
async fn explicit_zones_and_subnets_win_over_those_of_the_cluster() {
    for (over, zones) in [
        (json!({ "AvailabilityZoneIds": ["use1-az4"] }), "use1-az4"),
        (json!({ "SubnetIds": [SUBNET_AZ4, SUBNET_AZ1] }), "use1-az4,use1-az1"),
    ] {
        let cloud = with_cluster(&[]);
        cloud.sim.on_call(|_| ec2_sim::Verdict::Proceed);
        let created = cloud.stack("orders").create(&with(of_cluster(CLUSTER), over)).await;
        match created.reason {
            None => {
                let mut expected: Vec<&str> = zones.split(',').collect();
                let mut found: Vec<&str> = created.data["AvailabilityZoneIds"].split(',').collect();
                expected.sort_unstable();
                found.sort_unstable();
                assert!(found.iter().all(|zone| expected.contains(zone)), "{found:?}");
            }
            Some(reason) => assert!(reason.contains("use1-az4"), "{reason}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_subnet_in_the_clusters_zone_the_endpoint_is_elsewhere_with_a_warning() {
    for zones in [json!(["use1-az6"]), json!("use1-az6"), json!(["use1-az5", "use1-az6"])] {
        let cloud = with_cluster(&[("/endpoints/private/aws/availabilityZone", zones.clone())]);
        let created = cloud.stack("orders").create(&of_cluster(CLUSTER)).await.succeeded();
        let warnings = &created.data["Warnings"];
        assert!(
            warnings.contains("use1-az6, where the VPC has no subnet that the endpoint can use"),
            "{zones}: {warnings}"
        );
        assert_eq!(created.data["AvailabilityZoneIds"].split(',').count(), 2, "{zones}");
    }
    // One zone of several is enough, and a zone name says nothing.
    for zones in [json!(["use1-az6", "use1-az1"]), json!(["us-east-1a"]), json!([7]), Value::Null] {
        let cloud = with_cluster(&[("/endpoints/private/aws/availabilityZone", zones.clone())]);
        let created = cloud.stack("orders").create(&of_cluster(CLUSTER)).await.succeeded();
        assert_eq!(created.data["Warnings"], "", "{zones}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_host_in_the_api_is_a_warning() {
    let cloud = with_cluster(&[("/endpoints/private/host", json!("gateway09-privatelink.example.com"))]);
    let created = cloud.stack("orders").create(&of_cluster(CLUSTER)).await.succeeded();
    assert_eq!(created.data["Host"], PRIVATE_NAME, "as EC2 shows it");
    assert!(created.data["Warnings"].contains("gateway09-privatelink.example.com"), "{}", created.data["Warnings"]);
}

#[tokio::test(start_paused = true)]
async fn every_cluster_without_an_endpoint_service_here_has_a_sentence() {
    let cloud = Cloud::new();
    for (cluster, says) in [
        ("10584444444444444444", &["is in eu-central-1, but the provider runs in us-east-1"][..]),
        ("10585555555555555555", &["is on alicloud and not on AWS"]),
        ("10586666666666666666", &["exclusive model: Dedicated, Premium, and Essential since July 2026"]),
        (
            "10587777777777777777",
            &["TiDB Cloud shows no cluster 10587777777777777777", "HTTP status 403: permission denied"],
        ),
        (
            "10588888888888888888",
            &["TiDB Cloud shows no cluster 10588888888888888888", "HTTP status 404", "Check ClusterId"],
        ),
    ] {
        rejected(&cloud, &of_cluster(cluster), says).await;
    }
    for (changes, says) in [
        (&[("/state", json!("DELETING"))][..], "is in state DELETING"),
        (&[("/endpoints/private/aws/serviceName", json!("bad; rm -rf"))], "is not one of AWS PrivateLink"),
        (&[("/endpoints/private", json!([])), ("/state", json!(7))], "exclusive model"),
        (&[("/endpoints", json!("none"))], "exclusive model"),
        (&[("/region", json!({ "name": "regions/aws-us-west-2" }))], "is in us-west-2, but"),
        (&[("/region", json!({ "regionId": "us-west-2", "provider": "AWS" }))], "is in us-west-2, but"),
    ] {
        rejected(&with_cluster(changes), &of_cluster(CLUSTER), &[says]).await;
    }
}

/// The API is in beta, and its answers differ between its specification and what was recorded.
#[tokio::test(start_paused = true)]
async fn answers_of_every_form_are_understood() {
    for changes in [
        &[("/region", json!({ "regionId": "us-east-1", "name": "regions/aws-us-east-1" }))][..],
        &[("/region", json!({ "name": "regions/aws-us-east-1", "provider": "AWS" }))],
        &[("/region", Value::Null)],
        &[("/region", json!("us-east-1"))],
        &[("/state", json!("A_STATE_OF_2027"))],
        &[("/state", Value::Null)],
        &[("/servicePlan", json!({ "name": "Essential_V9" }))],
        &[("/endpoints/private/port", json!("4000"))],
        &[("/endpoints/private/host", Value::Null)],
        &[("/endpoints/public", Value::Null)],
        &[("/somethingNew", json!([{ "deep": [1, 2, 3] }]))],
    ] {
        let created = with_cluster(changes).stack("orders").create(&of_cluster(CLUSTER)).await.succeeded();
        assert_eq!(
            (created.data["ServiceName"].as_str(), created.data["Warnings"].as_str()),
            (SERVICE, ""),
            "{changes:?}"
        );
    }
    for prefix in [json!("$(reboot)"), json!("a b"), json!("'"), json!(12), Value::Null] {
        let created =
            with_cluster(&[("/userPrefix", prefix.clone())]).stack("orders").create(&of_cluster(CLUSTER)).await;
        assert_eq!(created.succeeded().data["UserName"], "", "{prefix} must not become part of a command");
    }
}

#[tokio::test(start_paused = true)]
async fn every_secret_without_a_key_has_a_sentence() {
    for (text, says) in [
        ("", "is not a JSON object"),
        ("pr1v4te-k3y-0f-t1db-cl0ud", "is not a JSON object"),
        ("[\"pr1v4te-k3y-0f-t1db-cl0ud\"]", "is not a JSON object"),
        ("{}", "in the field PublicKey"),
        ("{\"PublicKey\":\"\",\"PrivateKey\":\"x\"}", "in the field PublicKey"),
        ("{\"PublicKey\":\"a\\nb\",\"PrivateKey\":\"x\"}", "in the field PublicKey"),
        ("{\"PublicKey\":\"PUBL1CK3Y\",\"privateKey\":\"pr1v4te-k3y-0f-t1db-cl0ud\"}", "in the field PrivateKey"),
        ("{\"PublicKey\":\"PUBL1CK3Y\",\"PrivateKey\":7}", "in the field PrivateKey"),
    ] {
        let cloud = Cloud::new();
        cloud.secrets.put(API_KEY_SECRET, secret(text));
        rejected(&cloud, &of_cluster(CLUSTER), &["The secret tidb-cloud/api-key", says]).await;
        assert!(cloud.api.log().is_empty(), "{text}");
    }
    let elsewhere = with(of_cluster(CLUSTER), json!({ "ApiKeySecret": "no/such/secret" }));
    rejected(&Cloud::new(), &elsewhere, &["The secret no/such/secret was not found in Secrets Manager in us-east-1"])
        .await;
    let by_arn = with(of_cluster(CLUSTER), json!({ "ApiKeySecret": API_KEY_SECRET_ARN }));
    Cloud::new().stack("orders").create(&by_arn).await.succeeded();
}

#[tokio::test(start_paused = true)]
async fn the_properties_name_a_service_or_a_cluster() {
    for (over, says) in [
        (json!({ "ServiceName": SERVICE }), &["one error", "ClusterId cannot be combined with ServiceName"][..]),
        (json!({ "ClusterId": null }), &["ServiceName is missing", "or specify ClusterId and ApiKeySecret instead"]),
        (json!({ "ApiKeySecret": null }), &["one error", "ApiKeySecret is missing"]),
        (json!({ "ClusterId": null, "ServiceName": SERVICE }), &["ApiKeySecret has no effect with ServiceName"]),
        (
            json!({ "ClusterId": "1.0581234567890123e+19" }),
            &["ClusterId is '1.0581234567890123e+19'", "put the ID in quotes"],
        ),
        (json!({ "ClusterId": "my-cluster" }), &["ClusterId is 'my-cluster'", "10581234567890123456"]),
        (json!({ "ClusterId": format!("{CLUSTER}/../../keys") }), &["ClusterId is"]),
        // What `{{resolve:secretsmanager:…}}` puts here.
        (
            json!({ "ApiKeySecret": format!("{{\"PublicKey\":\"{PUBLIC_KEY}\",\"PrivateKey\":\"{PRIVATE_KEY}\"}}") }),
            &["ApiKeySecret is not the name or ARN of a secret", "must not contain the key itself"],
        ),
    ] {
        let cloud = Cloud::new();
        rejected(&cloud, &with(of_cluster(CLUSTER), over), says).await;
        assert!(cloud.secrets.log().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_in_any_vpc_of_the_region_joins_by_cluster() {
    let cloud = Cloud::new();
    let first = cloud.stack("orders").create(&of_cluster(CLUSTER)).await.succeeded();
    let anywhere =
        with(of_cluster(CLUSTER_TOO), json!({ "VpcId": null, "ReuseScope": "Region", "SecurityGroupIds": null }));
    let joined = cloud.stack("billing").create(&anywhere).await.succeeded();
    assert_eq!(joined.physical_id, first.physical_id);
    assert_eq!(cloud.endpoint().state, State::Available);
}
