//! Stories that cover everything that the provider does. A failure is returned, not a panic.

use crate::cloud::*;
use ec2_sim::{EndpointSpec, Loss, State, Verdict};
use serde_json::{Value, json};
use std::future::Future;
use std::pin::Pin;

/// `Err` contains the reason that CloudFormation shows.
type Ending = Result<(), String>;

/// A story.
pub(super) struct Story {
    pub(super) name: &'static str,
    pub(super) run: fn(Cloud) -> Pin<Box<dyn Future<Output = Ending>>>,
}

macro_rules! stories {
    ($($name:ident),* $(,)?) => {
        pub(super) const STORIES: &[Story] = &[
            $(Story { name: stringify!($name), run: |cloud| Box::pin($name(cloud)) }),*
        ];
    };
}

stories![
    a_managed_security_group,
    a_given_security_group,
    no_private_dns,
    private_dns_off_and_on,
    an_update_in_place,
    an_endpoint_of_another_stack,
    a_foreign_endpoint,
    an_endpoint_of_another_vpc,
    a_spoke,
    a_replacement,
    a_replacement_that_is_rolled_back,
    a_create_that_crashed,
    a_delete_that_crashed,
    a_release_that_crashed,
    many_at_once,
    a_stack_that_takes_what_it_brought,
    an_announcement_on_a_foreign_endpoint,
    a_cluster_whose_key_is_encrypted,
];

async fn a_cluster_whose_key_is_encrypted(cloud: Cloud) -> Ending {
    let text = json!({ "PublicKey": PUBLIC_KEY, "PrivateKey": PRIVATE_KEY }).to_string();
    let kms_key = Some(super::template::KMS_KEY.to_owned());
    cloud.secrets.put(API_KEY_SECRET, ec2_sim::Secret { kms_key, ..secret(&text) });
    let stack = cloud.stack("orders");
    let created = stack.create(&of_cluster(CLUSTER)).await.or_reason()?;
    let by_arn = with(of_cluster(CLUSTER_TOO), json!({ "ApiKeySecret": API_KEY_SECRET_ARN }));
    stack.update(&created.physical_id, &by_arn, &of_cluster(CLUSTER)).await.or_reason()?;
    cloud.deliver(&stack.delete_event(&created.physical_id, &by_arn)).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

fn plain() -> Value {
    with(properties(), json!({ "SecurityGroupIds": null }))
}

impl Answered {
    fn or_reason(self) -> Result<Self, String> {
        let denied = self.data.get("Warnings").filter(|warnings| warnings.contains("is not allowed to perform"));
        self.reason.clone().or_else(|| denied.cloned()).map_or(Ok(self), Err)
    }
}

/// A stack leaves an endpoint that another one goes on using, with everything that only it has requested.
async fn a_stack_that_takes_what_it_brought(cloud: Cloud) -> Ending {
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let tags = json!([{ "Key": "team", "Value": "orders" }]);
    let brought = json!({ "SubnetIds": [SUBNET_AZ1], "AllowedCidrs": ["10.0.0.0/20"], "Tags": tags });
    let brought = with(plain(), brought);
    let first = orders.create(&brought).await.or_reason()?;
    let other = with(plain(), json!({ "SubnetIds": [SUBNET_AZ2], "AllowedCidrs": ["10.0.16.0/20"] }));
    billing.create(&other).await.or_reason()?;
    orders.leave(&first.physical_id, &brought).await.or_reason()?;
    assert_eq!(cloud.endpoint().subnet_ids, [SUBNET_AZ2]);
    assert_eq!(cloud.endpoint().tags.get("team"), None);
    billing.leave(&first.physical_id, &other).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

/// Nothing is left over: no endpoint, and no security group of the provider.
fn assert_gone(cloud: &Cloud) {
    assert_eq!(cloud.sim.endpoints(), []);
    let made: Vec<_> = cloud.sim.groups().into_iter().filter(|group| !group.tags.is_empty()).collect();
    assert_eq!(made, []);
}

async fn a_managed_security_group(cloud: Cloud) -> Ending {
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.or_reason()?;
    let named = with(plain(), json!({ "AllowedCidrs": ["10.0.16.0/20"], "AllowedSecurityGroupIds": [GROUP] }));
    let updated = stack.update(&created.physical_id, &named, &plain()).await.or_reason()?;
    assert_eq!(updated.data["SecurityGroupIds"], created.data["SecurityGroupIds"]);
    stack.delete(&created.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

async fn a_given_security_group(cloud: Cloud) -> Ending {
    let stack = cloud.stack("orders");
    let created = stack.create(&properties()).await.or_reason()?;
    stack.delete(&created.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

async fn no_private_dns(cloud: Cloud) -> Ending {
    let stack = cloud.stack("orders");
    let created = stack.create(&with(properties(), json!({ "PrivateDnsEnabled": false }))).await.or_reason()?;
    stack.delete(&created.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

async fn private_dns_off_and_on(cloud: Cloud) -> Ending {
    let stack = cloud.stack("orders");
    let off = with(properties(), json!({ "PrivateDnsEnabled": false }));
    let created = stack.create(&off).await.or_reason()?;
    stack.update(&created.physical_id, &properties(), &off).await.or_reason()?;
    assert!(cloud.endpoint().private_dns_enabled);
    stack.update(&created.physical_id, &off, &properties()).await.or_reason()?;
    stack.delete(&created.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

async fn an_update_in_place(cloud: Cloud) -> Ending {
    let stack = cloud.stack("orders");
    let tags = json!([{ "Key": "team", "Value": "web" }, { "Key": "old", "Value": "1" }]);
    let old = with(properties(), json!({ "SubnetIds": [SUBNET_AZ1], "Tags": tags }));
    let created = stack.create(&old).await.or_reason()?;
    let change = json!({
        "SubnetIds": [SUBNET_AZ2],
        "SecurityGroupIds": ["sg-0a1def1111111111a"],
        "Tags": [{ "Key": "team", "Value": "data" }, { "Key": "new", "Value": "2" }],
    });
    let new = with(properties(), change);
    stack.update(&created.physical_id, &new, &old).await.or_reason()?;
    assert_eq!((cloud.endpoint().tags["team"].as_str(), cloud.endpoint().tags.get("old")), ("data", None));
    // From a given security group to the provider's, and back.
    stack.update(&created.physical_id, &plain(), &new).await.or_reason()?;
    stack.update(&created.physical_id, &old, &plain()).await.or_reason()?;
    assert_eq!(cloud.endpoint().group_ids, [GROUP]);
    stack.delete(&created.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

async fn an_endpoint_of_another_stack(cloud: Cloud) -> Ending {
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&with(plain(), json!({ "SubnetIds": [SUBNET_AZ1] }))).await.or_reason()?;
    let wide = with(plain(), json!({ "Tags": [{ "Key": "team", "Value": "billing" }] }));
    let second = billing.create(&wide).await.or_reason()?;
    assert_eq!(second.physical_id, first.physical_id);
    orders.delete(&first.physical_id).await.or_reason()?;
    assert_eq!(cloud.endpoint().state, State::Available);
    billing.delete(&second.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

fn created_manually(vpc: &str, subnet: &str, group: &str) -> EndpointSpec {
    EndpointSpec {
        vpc_id: vpc.to_owned(),
        subnet_ids: vec![subnet.to_owned()],
        group_ids: vec![group.to_owned()],
        tags: [("Name".to_owned(), "created manually".to_owned())].into(),
        ..foreign()
    }
}

async fn a_foreign_endpoint(cloud: Cloud) -> Ending {
    cloud.sim.create_foreign_endpoint(created_manually(VPC, SUBNET_AZ1, GROUP));
    cloud.pass(10).await;
    let before = cloud.endpoint();
    let stack = cloud.stack("orders");
    let wanted = with(plain(), json!({ "Tags": [{ "Key": "team", "Value": "web" }], "SubnetIds": [SUBNET_AZ2] }));
    let joined = stack.create(&wanted).await.or_reason()?;
    let updated = stack.update(&joined.physical_id, &properties(), &wanted).await.or_reason()?;
    assert_eq!((&updated.physical_id, updated.data["Ownership"].as_str()), (&before.id, "Foreign"));
    stack.delete(&joined.physical_id).await.or_reason()?;
    assert_eq!(cloud.endpoint(), before);
    Ok(())
}

async fn an_endpoint_of_another_vpc(cloud: Cloud) -> Ending {
    cloud.sim.create_foreign_endpoint(created_manually(VPC_2, "subnet-0d4c44444444444c4", GROUP_2));
    cloud.pass(10).await;
    let before = cloud.endpoint();
    let stack = cloud.stack("orders");
    let joined = stack.create(&json!({ "ServiceName": SERVICE, "ReuseScope": "Region" })).await.or_reason()?;
    assert_eq!(joined.physical_id, before.id);
    stack.delete(&joined.physical_id).await.or_reason()?;
    assert_eq!(cloud.endpoint(), before);
    Ok(())
}

/// Its rules come and go, and the routes are read.
async fn a_spoke(cloud: Cloud) -> Ending {
    let (hub, spoke) = (cloud.stack("hub"), cloud.stack("spoke"));
    let created = hub.create(&plain()).await.or_reason()?;
    cloud.pass(60).await;
    let wanted = json!({ "ServiceName": SERVICE, "VpcId": VPC_2, "ReuseScope": "Region" });
    let joined = spoke.create(&wanted).await.or_reason()?;
    assert_eq!(joined.physical_id, created.physical_id);
    spoke.leave(&joined.physical_id, &wanted).await.or_reason()?;
    hub.delete(&created.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

async fn a_replacement(cloud: Cloud) -> Ending {
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.or_reason()?;
    let other = with(plain(), json!({ "ServiceName": SERVICE_2 }));
    let replaced = stack.update(&created.physical_id, &other, &plain()).await.or_reason()?;
    assert_ne!(replaced.physical_id, created.physical_id);
    stack.delete(&created.physical_id).await.or_reason()?;
    cloud.deliver(&stack.delete_event(&replaced.physical_id, &other)).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

async fn a_replacement_that_is_rolled_back(cloud: Cloud) -> Ending {
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.or_reason()?;
    let moved = json!({ "ServiceName": SERVICE, "VpcId": VPC_2 });
    let replaced = stack.update(&created.physical_id, &moved, &plain()).await.or_reason()?;
    let back = stack.update(&replaced.physical_id, &plain(), &moved).await.or_reason()?;
    assert_eq!(back.physical_id, created.physical_id);
    cloud.deliver(&stack.delete_event(&replaced.physical_id, &moved)).await.or_reason()?;
    stack.delete(&created.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

/// The function dies at each call that changes something, and Lambda delivers the event again.
async fn a_create_that_crashed(cloud: Cloud) -> Ending {
    for action in ["CreateSecurityGroup", "AuthorizeSecurityGroupIngress", "CreateVpcEndpoint"] {
        let stack = cloud.stack(&format!("orders-{}", action.len()));
        cloud.sim.on_call(
            move |call| {
                if call.action == action { Verdict::LoseAnswer(Loss::Silence) } else { Verdict::Proceed }
            },
        );
        let event = stack.event("Create", &plain());
        cloud.deliver_raw_for(&event, 5).await;
        cloud.sim.on_call(|_| Verdict::Proceed);
        let created = cloud.deliver(&event).await.or_reason()?;
        stack.delete(&created.physical_id).await.or_reason()?;
        cloud.deliver(&stack.delete_event(&created.physical_id, &plain())).await.or_reason()?;
        assert_gone(&cloud);
    }
    Ok(())
}

async fn a_delete_that_crashed(cloud: Cloud) -> Ending {
    let stack = cloud.stack("orders");
    let created = stack.create(&plain()).await.or_reason()?;
    cloud.sim.on_call(|call| match call.action.as_str() {
        "DeleteVpcEndpoints" => Verdict::LoseAnswer(Loss::Silence),
        _ => Verdict::Proceed,
    });
    let event = stack.delete_event(&created.physical_id, &plain());
    cloud.deliver_raw_for(&event, 60).await;
    cloud.sim.on_call(|_| Verdict::Proceed);
    cloud.deliver(&event).await.or_reason()?;
    cloud.pass(300).await;
    cloud.deliver(&event).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

/// Its announcement stays on the endpoint until the next stack that joins removes it.
async fn a_release_that_crashed(cloud: Cloud) -> Ending {
    let (orders, billing) = (cloud.stack("orders"), cloud.stack("billing"));
    let first = orders.create(&properties()).await.or_reason()?;
    cloud.sim.remove_tag(&first.physical_id, &orders.ref_key());
    cloud.sim.set_tag(&first.physical_id, &orders.leaving_key(-600), "orders/TiDB");
    cloud.pass(10).await;
    let second = billing.create(&properties()).await.or_reason()?;
    assert_eq!(second.physical_id, first.physical_id);
    assert_eq!(cloud.leaving(), [""; 0]);
    billing.delete(&second.physical_id).await.or_reason()?;
    assert_gone(&cloud);
    Ok(())
}

async fn many_at_once(cloud: Cloud) -> Ending {
    let stacks: Vec<_> = (0..4).map(|n| cloud.stack(&format!("app-{n}"))).collect();
    let wanted = plain();
    let mut ids = Vec::new();
    for answer in futures_util::future::join_all(stacks.iter().map(|stack| stack.create(&wanted))).await {
        ids.push(answer.or_reason()?.physical_id);
    }
    for answer in futures_util::future::join_all(stacks.iter().zip(&ids).map(|(stack, id)| stack.delete(id))).await {
        answer.or_reason()?;
    }
    assert_gone(&cloud);
    Ok(())
}

/// An announcement on a foreign endpoint is ignored, and the role may not remove it.
async fn an_announcement_on_a_foreign_endpoint(cloud: Cloud) -> Ending {
    let id = cloud.sim.create_foreign_endpoint(created_manually(VPC, SUBNET_AZ1, GROUP));
    cloud.sim.set_tag(&id, "tidb-private-endpoint:leaving:000000000000000000000000", "2026-11-23T08:00:00Z");
    cloud.pass(10).await;
    let before = cloud.endpoint();
    let stack = cloud.stack("orders");
    stack.create(&properties()).await.or_reason()?;
    stack.delete(&id).await.or_reason()?;
    assert_eq!(cloud.endpoint(), before);
    Ok(())
}
