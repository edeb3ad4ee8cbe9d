"""The world of ec2-sim for the demo and the end-to-end tests. Each scenario has its own VPC, so that scenarios do not affect
each other and can run in parallel."""

REGION = "us-east-1"
ACCOUNT = "123456789012"
ZONES = {"us-east-1a": "use1-az4", "us-east-1b": "use1-az1", "us-east-1c": "use1-az2"}
STORIES = ("provider", "share", "service", "from", "to", "tags", "rollback", "update", "foreign", "no-dns-hostnames",
           "own-group", "closed", "near", "far", "sam", "cdk", "clients", "cluster",
           "stale", "invoices", "platform", "moving")

SERVICE = f"com.amazonaws.vpce.{REGION}.vpce-svc-0123456789abcdef0"
OTHER_SERVICE = f"com.amazonaws.vpce.{REGION}.vpce-svc-0fedcba9876543210"
#: Only for the scenario with two VPCs: with ReuseScope Region, a stack must not find the endpoints of other scenarios.
REGION_SERVICE = f"com.amazonaws.vpce.{REGION}.vpce-svc-00112233445566778"
#: Only for the example of a hub with two spokes, for the same reason.
HUB_SERVICE = f"com.amazonaws.vpce.{REGION}.vpce-svc-00112233445566779"
PRIVATE_NAME = f"gateway01-privatelink.{REGION}.prod.aws.tidbcloud.com"
OTHER_PRIVATE_NAME = f"gateway02-privatelink.{REGION}.prod.aws.tidbcloud.com"
REGION_PRIVATE_NAME = f"gateway03-privatelink.{REGION}.prod.aws.tidbcloud.com"
HUB_PRIVATE_NAME = f"gateway04-privatelink.{REGION}.prod.aws.tidbcloud.com"

#: TiDB Cloud's API has these clusters, and others in other Regions and on other clouds.
CLUSTER = {"id": "10599999999999999999", "region": REGION, "service_name": SERVICE, "zone_id": "use1-az1",
           "user_prefix": "28cDWcUJJiewaQ7"}
CLUSTER_TOO = {**CLUSTER, "id": "10599999999999999998", "user_prefix": "3pTAoNNegb47Uc8"}
CLUSTERS = (CLUSTER, CLUSTER_TOO)
CLUSTER_ELSEWHERE = "10584444444444444444"
#: The API key of the simulated API.
API_KEY = {"PublicKey": "sim-public-key", "PrivateKey": "sim-private-key"}


class Vpc:
    """A VPC with a subnet in every zone, two security groups that allow its clients on the database port, and one that does
    not."""

    def __init__(self, story):
        number = STORIES.index(story) + 1
        self.story = story
        self.block = f"10.{number}"
        self.id = f"vpc-{number:017x}"
        self.subnets = {zone: f"subnet-{number:02x}{index:015x}" for index, zone in enumerate(ZONES.values(), 1)}
        self.cidr = f"{self.block}.0.0/16"
        self.group, self.other_group, self.closed_group = (f"sg-{number:02x}{index:015x}" for index in (1, 2, 3))


def world():
    vpcs = [Vpc(story) for story in STORIES]
    return {
        "region": REGION,
        "account": ACCOUNT,
        "zones": ZONES,
        "vpcs": [{"id": vpc.id, "cidr_blocks": [vpc.cidr],
                  "dns_hostnames": vpc.story != "no-dns-hostnames"} for vpc in vpcs],
        "subnets": [{"id": vpc.subnets[zone_id], "vpc_id": vpc.id, "zone": zone, "free_addresses": 250,
                     "cidr_block": f"{vpc.block}.{index}.0/24"}
                    for vpc in vpcs for index, (zone, zone_id) in enumerate(ZONES.items())],
        "groups": [{"id": group, "name": name, "vpc_id": vpc.id,
                    "ingress": [{"protocol": "tcp", "from_port": port, "to_port": port, "source": {"cidr": vpc.cidr}}]}
                   for vpc in vpcs
                   for group, name, port in ((vpc.group, "database", 4000), (vpc.other_group, "database-too", 4000),
                                             (vpc.closed_group, "web", 443))],
        # The first service does not support every zone, which is the usual case. The others do.
        "services": [
            {"name": SERVICE, "owner": "999999999999", "zone_ids": ["use1-az1", "use1-az4"],
             "private_dns_name": PRIVATE_NAME},
            {"name": OTHER_SERVICE, "owner": "999999999999", "zone_ids": sorted(ZONES.values()),
             "private_dns_name": OTHER_PRIVATE_NAME},
            {"name": REGION_SERVICE, "owner": "999999999999", "zone_ids": sorted(ZONES.values()),
             "private_dns_name": REGION_PRIVATE_NAME},
            {"name": HUB_SERVICE, "owner": "999999999999", "zone_ids": sorted(ZONES.values()),
             "private_dns_name": HUB_PRIVATE_NAME},
        ],
    }
