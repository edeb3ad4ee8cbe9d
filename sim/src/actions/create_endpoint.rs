//! `CreateVpcEndpoint`.

use std::time::Duration;

use super::{
    Response,
    describe_endpoints::{self, Shown},
    endpoint_rules::{self, AddedSubnets},
    tags,
};
use crate::{
    clock::Views,
    endpoint::{Endpoint, FULL_ACCESS, Kind, State},
    error::ApiError,
    knobs::TokenAfterDelete,
    plane::Plane,
    query::{Params, Values},
    tags::Tags,
    world::Service,
    xml::Xml,
};

struct Request {
    vpc: String,
    service: String,
    kind: String,
    subnets: Vec<String>,
    groups: Vec<String>,
    private_dns: Option<bool>,
    policy: Option<String>,
    ip_address_type: Option<String>,
    record_ip_type: Option<String>,
    resolver_only: Option<bool>,
    service_region: Option<String>,
    tags: Tags,
    token: Option<String>,
}

impl Request {
    fn read(params: &mut Params) -> Result<Self, ApiError> {
        let request = Self {
            vpc: params.required("VpcId")?,
            service: params.required("ServiceName")?,
            // This is the default in the API and in CloudFormation.
            kind: params.text("VpcEndpointType").unwrap_or_else(|| "Gateway".to_owned()),
            subnets: params.list("SubnetId"),
            groups: params.list("SecurityGroupId"),
            private_dns: params.boolean("PrivateDnsEnabled")?,
            policy: params.text("PolicyDocument"),
            ip_address_type: params.text("IpAddressType"),
            record_ip_type: params.text("DnsOptions.DnsRecordIpType"),
            resolver_only: params.boolean("DnsOptions.PrivateDnsOnlyForInboundResolverEndpoint")?,
            service_region: params.text("ServiceRegion"),
            tags: params.tag_specification("vpc-endpoint")?,
            token: params.text("ClientToken"),
        };
        params.finish()?;
        Ok(request)
    }

    /// The service, if this account can create an interface endpoint for it.
    fn check_service<'a>(&self, plane: &'a Plane) -> Result<&'a Service, ApiError> {
        if plane.owner(&self.vpc) != plane.account {
            // The error that a participant in a shared VPC receives (SageMaker HyperPod documentation).
            return Err(ApiError::service_not_found(&self.service));
        }
        if self.service_region.as_ref().is_some_and(|region| *region != plane.region) {
            // Cross-Region access is opt-in for service owners, and no service here has enabled it.
            return Err(ApiError::service_not_found(&self.service));
        }
        let service = plane.service(&self.service)?;
        if self.kind == "Gateway" && !self.subnets.is_empty() {
            return Err(ApiError::invalid_parameter(
                "Subnet IDs are only supported for Interface and GatewayLoadBalancer type VPC Endpoints.",
            ));
        }
        if self.kind != "Interface" {
            return Err(ApiError::new(
                "InvalidServiceName",
                format!(
                    "The Vpc Endpoint Service '{}' does not support the endpoint type '{}'.",
                    self.service, self.kind
                ),
            ));
        }
        Ok(service)
    }

    fn check_options(&self, service: &Service) -> Result<(), ApiError> {
        // Only for services with gateway and interface endpoints, that is, S3 (terraform-provider-aws #32355).
        if self.resolver_only == Some(true) {
            return Err(ApiError::invalid_parameter(
                "PrivateDnsOnlyForInboundResolverEndpoint not supported for this service",
            ));
        }
        if self.policy.is_some() && !service.policy_supported {
            return Err(ApiError::invalid_parameter(format!(
                "Service {} only supports the full-access endpoint policy.",
                service.name
            )));
        }
        self.policy.as_deref().map_or(Ok(()), endpoint_rules::check_policy)
    }
}

pub(super) fn create(plane: &mut Plane, params: &mut Params, views: Views) -> Response {
    let sent = params.all().clone();
    let request = Request::read(params)?;
    if let Some(id) = replayed(plane, &request, &sent)? {
        return Ok(response(plane, &id, &request));
    }
    let vpc =
        plane.vpc(&request.vpc).filter(|_| plane.vpc_in(&request.vpc, views.network).is_some()).cloned().ok_or_else(
            || ApiError::new(&plane.knobs.vpc_not_found_code, format!("The VPC ID '{}' does not exist", request.vpc)),
        )?;
    let service = request.check_service(plane)?.clone();
    request.check_options(&service)?;
    let ip_address_type = request.ip_address_type.clone().unwrap_or_else(|| "ipv4".to_owned());
    let record_ip_type = request.record_ip_type.clone().unwrap_or_else(|| ip_address_type.clone());
    endpoint_rules::check_ip_types(&service, &ip_address_type, &record_ip_type)?;
    let added =
        AddedSubnets { vpc: &vpc.id, service: &service, ip_address_type: &ip_address_type, view: views.network };
    added.check(plane, &[], &request.subnets)?;
    let groups = if request.groups.is_empty() {
        plane.default_group(&vpc.id).map(|group| vec![group.id.clone()]).unwrap_or_default()
    } else {
        let view = plane.group_view();
        endpoint_rules::check_groups(plane, &vpc.id, &request.groups, &request.groups, view)?;
        request.groups.clone()
    };
    let private_dns = request.private_dns.unwrap_or_else(|| endpoint_rules::private_dns_by_default(&service));
    if private_dns && service.acceptance_required {
        return Err(endpoint_rules::not_accepted(&service));
    }
    let pending_failure =
        if private_dns { endpoint_rules::check_private_dns(plane, &vpc, &service, None)? } else { None };
    tags::check(&request.tags)?;
    tags::check_count(plane, &request.tags)?;
    let existing =
        plane.existing_endpoints().filter(|endpoint| endpoint.vpc_id == vpc.id && endpoint.kind == Kind::Interface);
    if existing.count() >= plane.knobs.endpoints_per_vpc {
        return Err(ApiError::new("VpcEndpointLimitExceeded", "The maximum number of VPC endpoints has been reached."));
    }

    let id = plane.random.id("vpce");
    let endpoint = Endpoint {
        id: id.clone(),
        kind: Kind::Interface,
        owner: plane.account.clone(),
        vpc_id: vpc.id,
        service_name: service.name,
        state: if service.acceptance_required { State::PendingAcceptance } else { State::Pending },
        private_dns_enabled: private_dns,
        subnet_ids: request.subnets.clone(),
        group_ids: groups,
        interfaces: Vec::new(),
        ip_address_type,
        dns_record_ip_type: record_ip_type,
        policy: request.policy.clone().unwrap_or_else(|| FULL_ACCESS.to_owned()),
        requester_managed: false,
        last_error: None,
        tags: request.tags.clone(),
        created_at: plane.wall(),
        was_available: false,
        zone_id_pending: private_dns,
    };
    let now = plane.now;
    plane.add_endpoint(endpoint, Some(now), pending_failure);
    if let Some(token) = request.token.clone() {
        plane.tokens.remember(token, sent, id.clone(), now);
        let duration = plane.random.within(plane.knobs.idempotent_operation_ms);
        if let Some(record) = plane.endpoints.get_mut(&id) {
            record.idempotent_until = now + duration;
        }
    }
    Ok(response(plane, &id, &request))
}

/// The endpoint that an earlier request with the same client token created.
fn replayed(plane: &Plane, request: &Request, sent: &Values) -> Result<Option<String>, ApiError> {
    let Some(token) = &request.token else { return Ok(None) };
    let lifetime = Duration::from_millis(plane.knobs.token_lifetime_ms);
    let id = plane.tokens.find(token, sent, plane.now, lifetime)?;
    let deleted = |id: &&str| plane.current(id).is_none_or(Endpoint::is_deleting);
    Ok(id.filter(|id| plane.knobs.token_after_delete == TokenAfterDelete::Replay || !deleted(id)).map(str::to_owned))
}

/// Describes the current state of the endpoint, even for a repeated request (EC2 developer guide, "Ensuring idempotency").
/// Unlike in DescribeVpcEndpoints, policy and tags are present only if the request had them (recorded from 2022 on).
fn response(plane: &Plane, id: &str, request: &Request) -> Xml {
    let mut xml = Xml::new();
    let shown = Shown { policy: request.policy.is_some(), tags: !request.tags.is_empty() };
    if let Some(endpoint) = plane.endpoints.get(id).and_then(|record| record.history.last()) {
        xml.nest("vpcEndpoint", |xml| describe_endpoints::write(xml, plane, endpoint, shown));
    }
    xml.maybe("clientToken", request.token.as_ref().filter(|_| plane.knobs.echo_client_token));
    xml
}
