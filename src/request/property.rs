//! The properties of the resource. The reader checks values against this table; the linter schema is generated from it;
//! and tests hold the CDK construct, the template's parameters and the README's table against it.

use crate::model::change::IpAddressType;

/// Which endpoints a resource may join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ReuseScope {
    /// Those of the resource's VPC.
    #[default]
    Vpc,
    /// Those of the VPC, else any available one of the region.
    Region,
}

impl ReuseScope {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Vpc => "Vpc",
            Self::Region => "Region",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Spelled as in `AWS::EC2::VPCEndpoint` where that has the same property.
    pub name: &'static str,
    pub shape: Shape,
}

/// What a single property may be. What one property says about another is for [`super::spec`].
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    String(Pattern),
    /// Any string.
    Text,
    /// A list of strings, or one string with commas, as a parameter of type `CommaDelimitedList` is joined.
    List(Pattern),
    /// One of a few words.
    Enum(&'static [&'static str]),
    /// A whole number within bounds.
    Integer(u16, u16),
    Boolean,
    /// The name or ARN of a secret. What is given instead may be the secret itself, so no message repeats it.
    Secret(Pattern),
    /// Pairs of `Key` and `Value`.
    Tags,
}

/// The form of a string.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// A regular expression for the whole string, without anchors.
    pub regex: &'static str,
    /// What such a string is, with an example: "a VPC ID such as ...".
    pub what: &'static str,
}

/// EC2's ids have 8 hex digits, or 17 since 2016.
macro_rules! id {
    ($prefix:literal, $what:literal) => {
        Pattern {
            regex: concat!($prefix, "([0-9a-f]{8}|[0-9a-f]{17})"),
            what: concat!($what, " such as ", $prefix, "0123456789abcdef0"),
        }
    };
}

const fn property(name: &'static str, shape: Shape) -> Property {
    Property { name, shape }
}

pub const SERVICE_NAME: Property = property(
    "ServiceName",
    Shape::String(Pattern {
        regex: r"(cn\.)?com\.amazonaws\.vpce\.[a-z0-9]+(-[a-z0-9]+){2,}\.vpce-svc-([0-9a-f]{8}|[0-9a-f]{17})",
        what: "an endpoint service name such as com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0",
    }),
);
pub const CLUSTER_ID: Property = property(
    "ClusterId",
    Shape::String(Pattern { regex: "[0-9]{1,32}", what: "a cluster ID such as 10581234567890123456" }),
);
pub const API_KEY_SECRET: Property = property(
    "ApiKeySecret",
    Shape::Secret(Pattern {
        regex: "(arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]{1,512}",
        what: "the name or ARN of a secret in Secrets Manager such as tidb-cloud/api-key",
    }),
);
pub const VPC_ID: Property = property("VpcId", Shape::String(id!("vpc-", "a VPC ID")));
pub const SUBNET_IDS: Property = property("SubnetIds", Shape::List(id!("subnet-", "a subnet ID")));
pub const ZONE_IDS: Property = property(
    "AvailabilityZoneIds",
    Shape::List(Pattern {
        regex: "[a-z0-9-]+-az[0-9]+",
        what: "a zone ID such as use1-az1 (zone names such as us-east-1a differ between accounts)",
    }),
);
pub const GROUP_IDS: Property = property("SecurityGroupIds", Shape::List(id!("sg-", "a security group ID")));
pub const ALLOWED_CIDRS: Property = property(
    "AllowedCidrs",
    Shape::List(Pattern {
        regex: "[0-9A-Fa-f.:]+/[0-9]{1,3}",
        what: "a CIDR block such as 10.0.0.0/16 or 2001:db8::/56",
    }),
);
pub const ALLOWED_GROUP_IDS: Property =
    property("AllowedSecurityGroupIds", Shape::List(id!("sg-", "a security group ID")));
pub const PORT: Property = property("Port", Shape::Integer(1, u16::MAX));
pub const PRIVATE_DNS: Property = property("PrivateDnsEnabled", Shape::Boolean);
/// The native resource's word for leaving the address type to EC2.
pub const NOT_SPECIFIED: &str = "not-specified";
pub const IP_ADDRESS_TYPE: Property = property(
    "IpAddressType",
    Shape::Enum(&[
        IpAddressType::Ipv4.as_str(),
        IpAddressType::Dualstack.as_str(),
        IpAddressType::Ipv6.as_str(),
        NOT_SPECIFIED,
    ]),
);
pub const REUSE_SCOPE: Property =
    property("ReuseScope", Shape::Enum(&[ReuseScope::Vpc.as_str(), ReuseScope::Region.as_str()]));
pub const TAGS: Property = property("Tags", Shape::Tags);
/// Changes nothing, but CloudFormation sends an update only if some property has changed.
pub const TRIGGER: Property = property("Trigger", Shape::Text);

/// All properties, in the order of the documentation.
pub const PROPERTIES: [Property; 15] = [
    SERVICE_NAME,
    CLUSTER_ID,
    API_KEY_SECRET,
    VPC_ID,
    SUBNET_IDS,
    ZONE_IDS,
    GROUP_IDS,
    ALLOWED_CIDRS,
    ALLOWED_GROUP_IDS,
    PORT,
    PRIVATE_DNS,
    IP_ADDRESS_TYPE,
    REUSE_SCOPE,
    TAGS,
    TRIGGER,
];

/// A property that cannot be given together with another one.
#[derive(Debug, Clone, Copy)]
pub struct Exclusion {
    pub property: Property,
    pub with: Property,
    /// What is wrong, and what to do instead.
    pub why: &'static str,
}

const ONLY_WITH_OWN_GROUP: &str = "applies only to the security group that the provider creates; with SecurityGroupIds, add \
                                   the rule to your own security group";

pub const EXCLUSIONS: [Exclusion; 3] = [
    Exclusion {
        property: CLUSTER_ID,
        with: SERVICE_NAME,
        why: "cannot be combined with ServiceName; specify one of the two",
    },
    Exclusion { property: ALLOWED_CIDRS, with: GROUP_IDS, why: ONLY_WITH_OWN_GROUP },
    Exclusion { property: ALLOWED_GROUP_IDS, with: GROUP_IDS, why: ONLY_WITH_OWN_GROUP },
];
/// An API key without a cluster.
pub const KEY_WITHOUT_CLUSTER: &str = "has no effect with ServiceName; remove it";
/// No VPC, and no other scope.
pub const VPC_IS_MISSING: &str = "is missing; it is optional only if ReuseScope is Region";

/// Properties of every custom resource, which CloudFormation itself reads.
pub const CLOUDFORMATION_PROPERTIES: [&str; 2] = ["ServiceToken", "ServiceTimeout"];

/// Tags that a template may ask for. EC2 allows 50, and the provider needs room for its owner mark and for references.
pub const MAX_TAGS: usize = 40;
/// The longest tag key and value that EC2 takes, in characters.
pub const MAX_TAG_KEY: usize = 127;
pub const MAX_TAG_VALUE: usize = 255;
