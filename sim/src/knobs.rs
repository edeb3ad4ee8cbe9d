//! What nobody outside of AWS knows for sure, or what differs from day to day: one knob each.

use serde::Deserialize;

/// A range of milliseconds, both ends included: `[min, max]` in a world file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Span(
    /// The shortest.
    pub u64,
    /// The longest.
    pub u64,
);

impl Span {
    /// Always the same.
    #[must_use]
    pub const fn exactly(ms: u64) -> Self {
        Self(ms, ms)
    }
}

/// How the wire spells the words that the service model lists in `PascalCase`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Casing {
    /// `pendingAcceptance`, `ipv4`: what EC2 really sends for interface endpoints (aws-sdk#360).
    #[default]
    LowerCamel,
    /// `PendingAcceptance`, `Ipv4`: what the service model says.
    Pascal,
    /// One or the other, by endpoint, as seen across endpoint types (terraform-provider-aws #41116).
    Mixed,
}

/// What a client token means once its endpoint has been deleted; not documented.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenAfterDelete {
    /// The deleted endpoint is answered again, in its last state. The stricter reading, and so the default.
    #[default]
    Replay,
    /// The token is as good as new.
    Forget,
}

/// The order of an endpoint's DNS entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DnsOrder {
    /// Regional, zonal, private: as AWS's own services have it.
    Aws,
    /// Any: "not enforced for AWS Marketplace services" (CloudFormation user guide).
    #[default]
    Shuffled,
}

/// Timings, limits and the readings of what the documentation leaves open. The defaults are AWS's times, and the
/// stricter reading.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "every knob is independent of the others")]
pub struct Knobs {
    /// How long a call takes on the wire, half of it before the effect.
    pub latency_ms: Span,
    /// How far behind the truth a read may be; drawn for every call. By it, a new endpoint is not found at first, a tag
    /// is missing, and a deleted endpoint still looks well.
    pub read_lag_ms: Span,
    /// How far behind the truth a change may be when it looks for the endpoint to change.
    pub write_lag_ms: Span,
    /// How far behind the truth the tags may be by which a policy decides. None is known for EC2; other services have it
    /// (terraform-provider-aws #6055, #27028).
    pub iam_lag_ms: Span,
    /// What a call gets that names a resource which is not there, where the policy asks for a tag of it: a denial, or else
    /// the same `NotFound` as without a policy.
    pub denies_the_unknown: bool,
    /// Whether a call that lacks the permission of Route 53 for private DNS is left without an answer, as has been seen
    /// (boto3 #2554), and not refused.
    pub hangs_without_route53: bool,
    /// From creation (or acceptance) to `available`.
    pub create_ms: Span,
    /// From a change back to `available`.
    pub modify_ms: Span,
    /// How long `deleting` lasts; network interfaces stay until its end.
    pub delete_ms: Span,
    /// How long a deleted endpoint is still listed, as `deleted`.
    pub deleted_listed_ms: Span,
    /// How long the private DNS name stays taken after its endpoint is deleted, or private DNS is switched off.
    pub zone_release_ms: Span,
    /// When the owner of a service that requires acceptance accepts; never, if absent.
    pub acceptance_ms: Option<Span>,
    /// A second tag write on one resource within this time is refused with `ConcurrentTagAccess`; 0 is never.
    pub tag_write_window_ms: u64,
    /// A conflicting private DNS name taken less than this ago is not noticed at once: the later endpoint is accepted
    /// and ends as `failed`. 0 is never.
    pub conflict_blind_ms: u64,
    /// What a client token means after its endpoint was deleted.
    pub token_after_delete: TokenAfterDelete,
    /// How long a client token is remembered.
    pub token_lifetime_ms: u64,
    /// How states and IP address types are spelled.
    pub casing: Casing,
    /// The order of DNS entries.
    pub dns_order: DnsOrder,
    /// Whether an endpoint that was never `available` has DNS entries already.
    pub dns_entries_while_pending: bool,
    /// Whether a customer's hosted zone for a parent domain takes the private DNS name too.
    pub parent_zone_conflicts: bool,
    /// Whether an endpoint that is still being made can be modified; `OperationInProgress` if not.
    pub modify_while_creating: bool,
    /// Whether to refuse a change that adds a group that is there, or removes what is not there or the last group.
    pub strict_modify: bool,
    /// Whether services list their zones by id as well as by name; old answers have names only.
    pub service_zone_ids: bool,
    /// Whether the per-action token buckets are in force.
    pub throttling: bool,
    /// The most that one page of `DescribeVpcEndpoints` holds.
    pub page_size: usize,
    /// Interface endpoints per VPC.
    pub endpoints_per_vpc: usize,
    /// Security groups per network interface.
    pub groups_per_interface: usize,
    /// User tags per resource.
    pub tags_per_resource: usize,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            latency_ms: Span(5, 60),
            read_lag_ms: Span(0, 3_000),
            write_lag_ms: Span::exactly(0),
            iam_lag_ms: Span::exactly(0),
            denies_the_unknown: false,
            hangs_without_route53: false,
            create_ms: Span(60_000, 120_000),
            modify_ms: Span(10_000, 60_000),
            delete_ms: Span(30_000, 180_000),
            deleted_listed_ms: Span(0, 60_000),
            zone_release_ms: Span(0, 180_000),
            acceptance_ms: None,
            tag_write_window_ms: 0,
            conflict_blind_ms: 0,
            token_after_delete: TokenAfterDelete::default(),
            token_lifetime_ms: 24 * 60 * 60 * 1_000,
            casing: Casing::default(),
            dns_order: DnsOrder::default(),
            dns_entries_while_pending: false,
            parent_zone_conflicts: true,
            modify_while_creating: false,
            strict_modify: true,
            service_zone_ids: true,
            throttling: true,
            page_size: 1_000,
            endpoints_per_vpc: 50,
            groups_per_interface: 5,
            tags_per_resource: 50,
        }
    }
}

impl Knobs {
    /// The same world in a hurry, for demonstrations in real time: seconds instead of minutes.
    pub fn hurry(&mut self) {
        self.latency_ms = Span(1, 20);
        self.read_lag_ms = Span(0, 300);
        self.create_ms = Span(2_000, 3_000);
        self.modify_ms = Span(1_000, 2_000);
        self.delete_ms = Span(2_000, 3_000);
        self.deleted_listed_ms = Span(0, 1_000);
        self.zone_release_ms = Span::exactly(1_000);
    }

    /// No delay, no lag, no limit on the rate of calls: for a test of one rule and nothing else.
    pub fn instant(&mut self) {
        self.latency_ms = Span::exactly(0);
        self.read_lag_ms = Span::exactly(0);
        self.create_ms = Span::exactly(0);
        self.modify_ms = Span::exactly(0);
        self.delete_ms = Span::exactly(0);
        self.deleted_listed_ms = Span::exactly(0);
        self.zone_release_ms = Span::exactly(0);
        self.throttling = false;
    }

    pub(crate) fn spans(&self) -> [(&'static str, Span); 10] {
        [
            ("latency_ms", self.latency_ms),
            ("read_lag_ms", self.read_lag_ms),
            ("write_lag_ms", self.write_lag_ms),
            ("iam_lag_ms", self.iam_lag_ms),
            ("create_ms", self.create_ms),
            ("modify_ms", self.modify_ms),
            ("delete_ms", self.delete_ms),
            ("deleted_listed_ms", self.deleted_listed_ms),
            ("zone_release_ms", self.zone_release_ms),
            ("acceptance_ms", self.acceptance_ms.unwrap_or(Span::exactly(0))),
        ]
    }
}
