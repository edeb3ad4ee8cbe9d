//! Attacks: calls with the permissions of the role that the provider itself never makes, and that the role must not
//! allow.

use super::{policy, sid, statements, template};
use crate::cloud::*;
use ec2_sim::{Endpoint, Group, Policy};
use serde_json::Value;

const OWNED: &str = "tidb-private-endpoint:owned";
const REF: &str = "tidb-private-endpoint:ref:000000000000000000000000";
const DEFAULT_GROUP: &str = "sg-0a1def1111111111a";
/// A service of AWS.
const AWS_SERVICE: &str = "com.amazonaws.us-east-1.secretsmanager";

/// An owned endpoint and security group, and foreign ones.
struct Scene {
    cloud: Cloud,
    owned: String,
    foreign: String,
    owned_group: String,
}

impl Scene {
    async fn new() -> Self {
        let cloud = Cloud::of(|world| {
            world.knobs.instant();
            let mut service = world.services.iter().find(|service| service.name == SERVICE_2).unwrap().clone();
            AWS_SERVICE.clone_into(&mut service.name);
            service.private_dns_name = None;
            world.services.push(service);
            let group = world.groups.iter_mut().find(|group| group.id == GROUP).unwrap();
            group.tags.insert("Name".to_owned(), "created manually".to_owned());
        });
        let (endpoint, group) = ("ResourceType=vpc-endpoint", "ResourceType=security-group");
        let made = |kind: &str, key: &str| format!("&TagSpecification.1.{kind}&TagSpecification.1.Tag.1.Key={key}");
        let mut scene = Self { cloud, owned: String::new(), foreign: String::new(), owned_group: String::new() };
        scene.owned = scene.make(&format!("{}{}", create(SERVICE), made(endpoint, OWNED)), "vpcEndpointId").await;
        scene.foreign = scene.make(&format!("{}{}", create(SERVICE_2), made(endpoint, "Name")), "vpcEndpointId").await;
        let form = format!("{}{}", create_group("ours"), made(group, OWNED));
        scene.owned_group = scene.make(&form, "groupId").await;
        let rule = rule("AuthorizeSecurityGroupIngress", &scene.owned_group, 4000);
        assert_eq!(scene.call(&rule).await, (200, String::new()));
        scene
    }

    async fn make(&self, form: &str, id: &str) -> String {
        let body = self.cloud.sim.call(&format!("Version=2016-11-15&{form}")).await.body;
        let (_, rest) = body.split_once(&format!("<{id}>")).unwrap_or_else(|| panic!("{form}: {body}"));
        rest.split_once('<').unwrap().0.to_owned()
    }

    /// The status, and the error code of the call or of one of its items.
    async fn call(&self, form: &str) -> (u16, String) {
        // Not a call of EC2.
        if let Some(key) = form.strip_prefix("decrypt with ") {
            let allowed = self.cloud.secrets.can_decrypt_directly_with(key);
            return if allowed { (200, String::new()) } else { (403, "UnauthorizedOperation".to_owned()) };
        }
        let reply = self.cloud.sim.call(&format!("Version=2016-11-15&{form}")).await;
        let code = reply.body.split_once("<code>").or_else(|| reply.body.split_once("<Code>"));
        (reply.status, code.map(|(_, rest)| rest.split_once('<').unwrap().0.to_owned()).unwrap_or_default())
    }

    fn state(&self) -> (Vec<Endpoint>, Vec<Group>) {
        (self.cloud.sim.endpoints(), self.cloud.sim.groups())
    }

    /// Every attack, with what it would do.
    fn attacks(&self) -> Vec<(&'static str, String)> {
        let Self { owned, foreign, owned_group, .. } = self;
        let tag = |action: &str, id: &str, key: &str| format!("Action={action}&ResourceId.1={id}&Tag.1.Key={key}");
        let modify = |change: &str| format!("Action=ModifyVpcEndpoint&VpcEndpointId={foreign}&{change}");
        let made =
            |key: &str| format!("&TagSpecification.1.ResourceType=vpc-endpoint&TagSpecification.1.Tag.1.Key={key}");
        let delete = |ids: &[&String]| {
            let ids = ids.iter().enumerate().map(|(at, id)| format!("&VpcEndpointId.{}={id}", at + 1));
            format!("Action=DeleteVpcEndpoints{}", ids.collect::<String>())
        };
        let group_made = "&TagSpecification.1.ResourceType=security-group&TagSpecification.1.Tag.1.Key=Name";
        let rule_made = "&TagSpecification.1.ResourceType=security-group-rule&TagSpecification.1.Tag.1.Key=Name";
        vec![
            ("change a foreign endpoint's subnets", modify(&format!("RemoveSubnetId.1={SUBNET_AZ2}"))),
            ("change a foreign endpoint's groups", modify(&format!("AddSecurityGroupId.1={owned_group}"))),
            ("turn on a foreign endpoint's private DNS", modify("PrivateDnsEnabled=true")),
            ("change a foreign endpoint's policy", modify("ResetPolicy=true")),
            ("delete a foreign endpoint", delete(&[foreign])),
            ("delete a foreign endpoint behind an owned one", delete(&[owned, foreign])),
            ("mark a foreign endpoint as owned", tag("CreateTags", foreign, OWNED)),
            (
                "mark a foreign endpoint as owned while writing a reference",
                tag("CreateTags", foreign, REF) + "&Tag.2.Key=" + OWNED,
            ),
            ("tag a foreign endpoint", tag("CreateTags", foreign, "team")),
            (
                "write an announcement to a foreign endpoint",
                tag("CreateTags", foreign, "tidb-private-endpoint:leaving:000000000000000000000000"),
            ),
            (
                "write a tag that is almost a reference to a foreign endpoint",
                tag("CreateTags", foreign, "tidb-private-endpoint:ref"),
            ),
            ("tag a foreign endpoint with a longer key", tag("CreateTags", foreign, &format!("x{REF}"))),
            (
                "tag a foreign endpoint along with an owned one",
                tag("CreateTags", owned, "team") + "&ResourceId.2=" + foreign,
            ),
            ("remove a tag of a foreign endpoint", tag("DeleteTags", foreign, "Name")),
            ("remove all tags of a foreign endpoint", format!("Action=DeleteTags&ResourceId.1={foreign}")),
            ("mark a foreign security group as owned", tag("CreateTags", GROUP, OWNED)),
            ("write a reference to a security group", tag("CreateTags", GROUP, REF)),
            ("tag an owned security group", tag("CreateTags", owned_group, "team")),
            ("remove the owner of an owned security group", tag("DeleteTags", owned_group, OWNED)),
            ("write a reference to a subnet", tag("CreateTags", SUBNET_AZ1, REF)),
            ("mark a VPC as owned", tag("CreateTags", VPC, OWNED)),
            (
                "write a reference to a VPC along with an endpoint",
                tag("CreateTags", foreign, REF) + "&ResourceId.2=" + VPC,
            ),
            ("remove a tag of a subnet", tag("DeleteTags", SUBNET_AZ1, "Name")),
            ("create an endpoint without tags", create(SERVICE_2)),
            ("create an endpoint without an owner", create(SERVICE_2) + &made("Name")),
            ("create an endpoint for a service of AWS", create(AWS_SERVICE) + &made(OWNED)),
            ("create a security group without tags", create_group("theirs")),
            ("create a security group without an owner", create_group("theirs") + group_made),
            ("add a rule to a foreign security group", rule("AuthorizeSecurityGroupIngress", GROUP, 22)),
            ("remove a rule from a foreign security group", rule("RevokeSecurityGroupIngress", GROUP, 4000)),
            ("delete a foreign security group", format!("Action=DeleteSecurityGroup&GroupId={GROUP}")),
            ("tag a rule", rule("AuthorizeSecurityGroupIngress", owned_group, 22) + rule_made),
            ("delete a subnet", format!("Action=DeleteSubnet&SubnetId={SUBNET_AZ4}")),
            ("change a VPC", format!("Action=ModifyVpcAttribute&VpcId={VPC}&EnableDnsSupport.Value=false")),
            ("describe network interfaces", "Action=DescribeNetworkInterfaces".to_owned()),
            ("describe all tags", "Action=DescribeTags".to_owned()),
            ("decrypt something else than the secret", format!("decrypt with {}", template::KMS_KEY)),
        ]
    }
}

fn create(service: &str) -> String {
    format!(
        "Action=CreateVpcEndpoint&VpcEndpointType=Interface&VpcId={VPC}&ServiceName={service}&SubnetId.1={SUBNET_AZ2}&\
         SecurityGroupId.1={DEFAULT_GROUP}&PrivateDnsEnabled=false"
    )
}

fn create_group(name: &str) -> String {
    format!("Action=CreateSecurityGroup&VpcId={VPC}&GroupName={name}&GroupDescription=x")
}

fn rule(action: &str, group: &str, port: u16) -> String {
    format!(
        "Action={action}&GroupId={group}&IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort={port}&\
         IpPermissions.1.ToPort={port}&IpPermissions.1.IpRanges.1.CidrIp=10.0.0.0/16"
    )
}

/// The attacks that succeed with a policy, each in a new scene.
async fn successes(policy: Option<&Policy>) -> Vec<&'static str> {
    let mut successes = Vec::new();
    let count = Scene::new().await.attacks().len();
    for index in 0..count {
        let scene = Scene::new().await;
        let (name, form) = scene.attacks().swap_remove(index);
        scene.cloud.sim.set_policy(policy.cloned());
        if scene.call(&form).await == (200, String::new()) {
            successes.push(name);
        }
        scene.cloud.assert_understood();
    }
    successes
}

#[tokio::test(start_paused = true)]
async fn without_a_policy_every_attack_succeeds() {
    let all: Vec<&str> = Scene::new().await.attacks().into_iter().map(|(name, _)| name).collect();
    assert_eq!(successes(None).await, all, "with every permission");
}

#[tokio::test(start_paused = true)]
async fn the_role_prevents_every_attack() {
    let scene = Scene::new().await;
    scene.cloud.sim.set_policy(Some(policy(&template::policies())));
    for (name, form) in scene.attacks() {
        let before = scene.state();
        assert_eq!(scene.call(&form).await, (403, "UnauthorizedOperation".to_owned()), "{name}");
        assert_eq!(scene.state(), before, "{name}");
    }
    // The same calls on an owned endpoint, or with a reference, are allowed.
    let tag = format!("Action=CreateTags&ResourceId.1={}&Tag.1.Key=team", scene.owned);
    assert_eq!(scene.call(&tag).await.0, 200);
    let refer = format!("Action=CreateTags&ResourceId.1={}&Tag.1.Key={REF}", scene.foreign);
    assert_eq!(scene.call(&refer).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn without_any_of_its_conditions_an_attack_succeeds() {
    let documents = template::policies();
    let mut conditions = 0;
    for (d, s) in statements(&documents) {
        let statement = &documents[d]["Statement"][s];
        let Some(operators) = statement["Condition"].as_object() else { continue };
        for (operator, keys) in operators {
            for key in keys.as_object().unwrap().keys() {
                conditions += 1;
                let mut less = documents.clone();
                let condition = &mut less[d]["Statement"][s]["Condition"];
                condition[operator].as_object_mut().unwrap().remove(key);
                let through = successes(Some(&policy(&less))).await;
                assert!(!through.is_empty(), "{} needs no {operator} of {key}", sid(statement));
            }
        }
    }
    assert!(conditions > 5);
}

/// The role covers only this account and this Region.
#[test]
fn no_resource_is_wider_than_necessary() {
    let documents = template::policies();
    let everywhere: Vec<Value> = statements(&documents)
        .iter()
        .map(|(d, s)| documents[*d]["Statement"][*s].clone())
        .filter(|statement| statement["Resource"] == "*")
        .collect();
    for statement in &everywhere {
        // Describe actions do not support resources, and the hosted zone in Route 53 belongs to AWS.
        let actions = statement["Action"].as_array().cloned().unwrap_or_else(|| vec![statement["Action"].clone()]);
        let fits = |action: &Value| {
            let action = action.as_str().unwrap();
            action.starts_with("ec2:Describe") || action == "route53:AssociateVPCWithHostedZone"
        };
        assert!(actions.iter().all(fits), "{}", sid(statement));
    }
    for grant in policy(&documents).grants().iter().filter(|grant| grant.resource != "*") {
        let fits = ["ec2", "logs", "sqs", "secretsmanager", "kms", "cloudformation"]
            .iter()
            .any(|service| grant.resource.starts_with(&format!("arn:aws:{service}:{REGION}:{ACCOUNT}:")));
        assert!(fits && !grant.action.contains('*'), "{grant:?}");
    }
}
