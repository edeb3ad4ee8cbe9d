//! Settings for behavior of EC2 that AWS does not document, or that varies.

use serde::Deserialize;

mod choices;

pub use choices::{Casing, DnsOrder, Route53Denial, Span, TokenAfterDelete};

/// Timings, limits, and interpretations of what the documentation leaves open. The defaults are the times observed on
/// AWS, and the stricter interpretation.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "the settings are independent of each other")]
pub struct Knobs {
    /// The network round-trip time of a call. Half of it passes before the call takes effect.
    pub latency_ms: Span,
    /// Read lag: how old the data that a read returns can be; drawn for each call. A new endpoint may not be found at first,
    /// a new tag may be missing, and a deleted endpoint may still be `available`.
    pub read_lag_ms: Span,
    /// How old the data can be in which a change looks up its endpoint.
    pub write_lag_ms: Span,
    /// How old the data can be in which a change looks up a security group (boto3 #620, terraform-provider-aws #21628).
    pub group_lag_ms: Span,
    /// How old the data can be in which reads and changes look up VPCs and subnets.
    pub network_lag_ms: Span,
    /// The additional time until reads show a modification of an endpoint. Until then, and after the read lag, they show
    /// the endpoint as it was before.
    pub modify_visible_ms: Span,
    /// The time until reads show the network interfaces and zonal DNS names of subnets that a modification added.
    pub interfaces_visible_ms: Span,
    /// How old the tags can be that IAM evaluates in policy conditions. No such lag is known for EC2; it exists in other
    /// services (terraform-provider-aws #6055, #27028).
    pub iam_lag_ms: Span,
    /// Whether a call that names a nonexistent resource is evaluated against the policy like any other, and so denied if
    /// the policy has a condition on its tags. If not, the response is the same `NotFound` as without a policy.
    pub deny_unknown_resources: bool,
    /// What happens to a call that enables private DNS without the required Route 53 permission.
    pub route53_denial: Route53Denial,
    /// The time from creation (or acceptance) to `available`.
    pub create_ms: Span,
    /// The time from a modification to `available`.
    pub modify_ms: Span,
    /// The duration of the state `deleting`. The network interfaces exist until its end.
    pub delete_ms: Span,
    /// How long EC2 still lists a deleted endpoint, in the state `deleted`.
    pub deleted_listed_ms: Span,
    /// How long the private DNS name stays in use after its endpoint was deleted, or private DNS was disabled.
    pub zone_release_ms: Span,
    /// How long the private DNS entry keeps the hosted zone ID `ZONEIDPENDING` after the endpoint is `available`. While the
    /// endpoint is being created, or private DNS is being enabled, the entry always has this ID.
    pub zone_id_pending_ms: Span,
    /// How long after a `CreateVpcEndpoint` with a client token modifications and deletions of the endpoint are rejected with
    /// `InvalidParameter`, "because there is an idempotent operation going on" (terraform-provider-mongodbatlas #590, observed
    /// at AcceptVpcEndpointConnections).
    pub idempotent_operation_ms: Span,
    /// The time until the owner of a service that requires acceptance accepts a connection request; never, if absent.
    pub acceptance_ms: Option<Span>,
    /// A second change to the tags of a resource within this time is rejected with `ConcurrentTagAccess`; 0 disables it.
    pub tag_write_window_ms: u64,
    /// For this long, EC2 does not detect that another endpoint uses the private DNS name: the later request succeeds, and
    /// its endpoint becomes `failed`. 0 disables it.
    pub conflict_detection_ms: u64,
    /// The effect of a client token after its endpoint was deleted.
    pub token_after_delete: TokenAfterDelete,
    /// The lifetime of a client token.
    pub token_lifetime_ms: u64,
    /// Whether the response of `CreateVpcEndpoint` contains the client token, as the API reference says. It is absent in the
    /// only recorded response to a request with a token.
    pub echo_client_token: bool,
    /// The error code for a subnet that does not exist, in the endpoint actions. EC2 also uses `InvalidSubnetId.NotFound`.
    pub subnet_not_found_code: String,
    /// The error code for a VPC that does not exist, in `CreateVpcEndpoint`. EC2 also uses `InvalidVpcId.NotFound`.
    pub vpc_not_found_code: String,
    /// The error code for a security group that does not exist, in the endpoint actions. EC2 also uses
    /// `InvalidSecurityGroupId.NotFound` and `InvalidGroup.NotFound`.
    pub group_not_found_code: String,
    /// The spelling of states and IP address types.
    pub casing: Casing,
    /// The order of DNS entries.
    pub dns_order: DnsOrder,
    /// Whether the subnet IDs of an endpoint can be listed in another order than in the request, as recorded.
    pub shuffle_subnet_ids: bool,
    /// Whether responses contain the endpoint type, which can be absent in AWS GovCloud (terraform-provider-aws).
    pub show_endpoint_type: bool,
    /// Whether an endpoint has DNS entries before it is `available` for the first time.
    pub dns_entries_while_pending: bool,
    /// Whether a customer's private hosted zone for a parent domain conflicts with the private DNS name.
    pub parent_zone_conflicts: bool,
    /// Whether an endpoint can be modified while it is being created; `OperationInProgress` if not.
    pub modify_while_creating: bool,
    /// Whether one modification can replace a subnet by another in the same Availability Zone. If not, it takes two calls
    /// (aws-vpce-operator).
    pub replace_subnet_in_zone: bool,
    /// Whether the IP address type `ipv6` requires IPv6-only subnets (PrivateLink guide), or accepts dual-stack subnets too.
    pub ipv6_requires_ipv6_only_subnets: bool,
    /// Whether endpoints can have subnets on an Outpost, which AWS does not document.
    pub outpost_subnets: bool,
    /// Whether to reject a modification that adds a security group that is already associated, or removes a subnet or
    /// security group that is not associated, or the last security group.
    pub strict_modify: bool,
    /// Whether services list the IDs of their Availability Zones in addition to the names; old responses have names only.
    pub service_zone_ids: bool,
    /// Whether request throttling is enabled.
    pub throttling: bool,
    /// How much of each token bucket for endpoint changes the rest of the organization leaves to the account, in percent.
    /// PrivateLink calls are also throttled for the organization as a whole (PrivateLink quotas).
    pub organization_throttle_percent: u64,
    /// The maximum number of endpoints on a page of `DescribeVpcEndpoints`.
    pub page_size: usize,
    /// The quota of interface endpoints per VPC.
    pub endpoints_per_vpc: usize,
    /// The quota of security groups per network interface.
    pub groups_per_interface: usize,
    /// The quota of user tags per resource.
    pub tags_per_resource: usize,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            latency_ms: Span(5, 60),
            read_lag_ms: Span(0, 3_000),
            write_lag_ms: Span::exactly(0),
            group_lag_ms: Span(0, 2_000),
            network_lag_ms: Span::exactly(0),
            modify_visible_ms: Span::exactly(0),
            interfaces_visible_ms: Span::exactly(0),
            iam_lag_ms: Span::exactly(0),
            deny_unknown_resources: false,
            route53_denial: Route53Denial::default(),
            create_ms: Span(15_000, 150_000),
            modify_ms: Span(10_000, 60_000),
            delete_ms: Span(30_000, 180_000),
            deleted_listed_ms: Span(0, 60_000),
            zone_release_ms: Span(0, 180_000),
            zone_id_pending_ms: Span::exactly(0),
            idempotent_operation_ms: Span::exactly(0),
            acceptance_ms: None,
            tag_write_window_ms: 0,
            conflict_detection_ms: 0,
            token_after_delete: TokenAfterDelete::default(),
            token_lifetime_ms: 24 * 60 * 60 * 1_000,
            echo_client_token: false,
            subnet_not_found_code: "InvalidSubnetID.NotFound".to_owned(),
            vpc_not_found_code: "InvalidVpcID.NotFound".to_owned(),
            group_not_found_code: "InvalidSecurityGroupID.NotFound".to_owned(),
            casing: Casing::default(),
            dns_order: DnsOrder::default(),
            shuffle_subnet_ids: false,
            show_endpoint_type: true,
            dns_entries_while_pending: true,
            parent_zone_conflicts: true,
            modify_while_creating: false,
            replace_subnet_in_zone: false,
            ipv6_requires_ipv6_only_subnets: true,
            outpost_subnets: false,
            strict_modify: true,
            service_zone_ids: true,
            throttling: true,
            organization_throttle_percent: 100,
            page_size: 1_000,
            endpoints_per_vpc: 50,
            groups_per_interface: 5,
            tags_per_resource: 50,
        }
    }
}

impl Knobs {
    /// Shortens AWS's minutes to seconds, for demonstrations in real time.
    pub fn fast(&mut self) {
        self.latency_ms = Span(1, 20);
        self.read_lag_ms = Span(0, 300);
        self.group_lag_ms = Span(0, 200);
        self.create_ms = Span(2_000, 3_000);
        self.modify_ms = Span(1_000, 2_000);
        self.delete_ms = Span(2_000, 3_000);
        self.deleted_listed_ms = Span(0, 1_000);
        self.zone_release_ms = Span::exactly(1_000);
    }

    /// Removes delays, lag, and throttling, for tests of a single rule.
    pub fn instant(&mut self) {
        self.latency_ms = Span::exactly(0);
        self.read_lag_ms = Span::exactly(0);
        self.group_lag_ms = Span::exactly(0);
        self.create_ms = Span::exactly(0);
        self.modify_ms = Span::exactly(0);
        self.delete_ms = Span::exactly(0);
        self.deleted_listed_ms = Span::exactly(0);
        self.zone_release_ms = Span::exactly(0);
        self.throttling = false;
    }

    pub(crate) fn spans(&self) -> [(&'static str, Span); 16] {
        [
            ("latency_ms", self.latency_ms),
            ("read_lag_ms", self.read_lag_ms),
            ("write_lag_ms", self.write_lag_ms),
            ("group_lag_ms", self.group_lag_ms),
            ("network_lag_ms", self.network_lag_ms),
            ("modify_visible_ms", self.modify_visible_ms),
            ("interfaces_visible_ms", self.interfaces_visible_ms),
            ("iam_lag_ms", self.iam_lag_ms),
            ("create_ms", self.create_ms),
            ("modify_ms", self.modify_ms),
            ("delete_ms", self.delete_ms),
            ("deleted_listed_ms", self.deleted_listed_ms),
            ("zone_release_ms", self.zone_release_ms),
            ("zone_id_pending_ms", self.zone_id_pending_ms),
            ("idempotent_operation_ms", self.idempotent_operation_ms),
            ("acceptance_ms", self.acceptance_ms.unwrap_or(Span::exactly(0))),
        ]
    }
}
