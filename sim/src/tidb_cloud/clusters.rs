//! Clusters in the form of the API.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};

/// A cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// What `GetCluster` returns, except for the ID.
    pub body: Value,
    /// How long after the start of the simulation the cluster stops being created. Until then it has no endpoints.
    pub ready_after: Duration,
    /// Whether the API key has access.
    pub is_accessible: bool,
}

impl Cluster {
    /// An active cluster on AWS with an endpoint service in one zone.
    #[must_use]
    pub fn on_aws(region: &str, service_name: &str, zone_id: &str, prefix: &str) -> Self {
        Self {
            body: json!({
                "displayName": "Cluster0",
                "state": "ACTIVE",
                "version": "v8.5.3",
                "clusterPlan": "STARTER",
                "servicePlan": "Starter",
                "region": {
                    "name": format!("regions/aws-{region}"),
                    "regionId": format!("aws-{region}"),
                    "cloudProvider": "aws",
                    "provider": "AWS",
                },
                "userPrefix": prefix,
                "endpoints": {
                    "public": {
                        "host": format!("gateway01.{region}.prod.aws.tidbcloud.com"),
                        "port": 4000,
                        "disabled": false,
                    },
                    "private": {
                        "host": format!("gateway01-privatelink.{region}.prod.aws.tidbcloud.com"),
                        "port": 4000,
                        "aws": { "serviceName": service_name, "availabilityZone": [zone_id] },
                    },
                },
            }),
            ready_after: Duration::ZERO,
            is_accessible: true,
        }
    }

    /// The cluster with some fields replaced. A path is a JSON pointer; null removes the field.
    ///
    /// # Panics
    ///
    /// If the parent of a field does not exist.
    #[must_use]
    pub fn with(mut self, changes: &[(&str, Value)]) -> Self {
        for (path, value) in changes {
            let (parent, name) = path.rsplit_once('/').expect("a JSON pointer");
            let parent = self.body.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object");
            match value {
                Value::Null => drop(parent.remove(name)),
                value => drop(parent.insert(name.to_owned(), value.clone())),
            }
        }
        self
    }

    pub(super) fn json(&self, id: &str, now: Duration) -> Value {
        let mut body = self.body.clone();
        body["clusterId"] = json!(id);
        body["name"] = json!(format!("clusters/{id}"));
        if now < self.ready_after {
            body["state"] = json!("CREATING");
            body["endpoints"] = json!({});
        }
        body
    }
}

/// The clusters for the built-in world of EC2: two behind the first endpoint service, one behind the second, and one of
/// each kind that has none here.
#[must_use]
pub fn example_clusters() -> BTreeMap<String, Cluster> {
    let service = |id: &str| format!("com.amazonaws.vpce.us-east-1.vpce-svc-{id}");
    let gateway = |prefix: &str| Cluster::on_aws("us-east-1", &service("0a1b2c3d4e5f60718"), "use1-az1", prefix);
    let clusters = [
        ("10581234567890123456", gateway("28cDWcUJJiewaQ7")),
        ("10582222222222222222", gateway("3pTAoNNegb47Uc8")),
        (
            "10583333333333333333",
            Cluster::on_aws("us-east-1", &service("0b2c3d4e5f6071829"), "use1-az4", "4aBCdEFghIJkLm1")
                .with(&[("/endpoints/private/host", json!("gateway02-privatelink.us-east-1.prod.aws.tidbcloud.com"))]),
        ),
        (
            "10584444444444444444",
            Cluster::on_aws(
                "eu-central-1",
                "com.amazonaws.vpce.eu-central-1.vpce-svc-0c3d4e5f607182930",
                "euc1-az2",
                "5aBCdEFghIJkLm1",
            ),
        ),
        (
            "10585555555555555555",
            gateway("6aBCdEFghIJkLm1").with(&[
                (
                    "/region",
                    json!({
                        "name": "regions/alicloud-ap-southeast-1",
                        "regionId": "alicloud-ap-southeast-1",
                        "cloudProvider": "alicloud",
                    }),
                ),
                (
                    "/endpoints/private",
                    json!({
                        "host": "gateway01-privatelink.ap-southeast-1.prod.alicloud.tidbcloud.com",
                        "port": 4000,
                        "alicloud": {
                            "serviceName": "com.aliyuncs.privatelink.ap-southeast-1.epsrv-t4n0123456789",
                            "availabilityZone": ["ap-southeast-1a"],
                        },
                    }),
                ),
            ]),
        ),
        (
            "10586666666666666666",
            gateway("7aBCdEFghIJkLm1").with(&[
                ("/clusterPlan", json!("ESSENTIAL")),
                ("/servicePlan", json!("Essential")),
                ("/endpoints/private", Value::Null),
            ]),
        ),
        ("10587777777777777777", Cluster { is_accessible: false, ..gateway("8aBCdEFghIJkLm1") }),
    ];
    clusters.into_iter().map(|(id, cluster)| (id.to_owned(), cluster)).collect()
}
