"""What a function sees of the network from its subnets: the addresses of TiDB Cloud's private host names, and what is behind
an address.

A function runs as a local process. If it has subnets, inside_vpc.c is loaded into it, and asks here instead of the system.
The answers are those of a VPC with the state of the simulated EC2 and the local Route 53:

* A name has the addresses of the endpoint to which the alias record in the most specific private hosted zone leads, if the
  zone is associated with the VPC, and the endpoint exists. In the VPC of an endpoint, private DNS is that zone.
* Behind an address is a simulated gateway of TiDB Cloud, if it is an endpoint's, the route tables on both sides lead to the
  other side, and a security group of the endpoint allows the function's subnet. All other packets are dropped.

The function is in the first of its subnets. Rules for security groups, outbound rules, network ACLs, and IPv6 are not
simulated.
"""

import functools
import ipaddress
import pathlib
import socket
import socketserver
import subprocess
import sys
import threading

import boto3

from scene import REGION, world

HERE = pathlib.Path(__file__).resolve().parent
LOOPBACK = "127.0.0.1"
PRIVATE_NAMES = {service["name"]: service["private_dns_name"] for service in world()["services"]}
#: Each DNS name of an endpoint begins with its ID.
ID_LENGTH = len("vpce-0123456789abcdef0")


def library(folder):
    """Compiles inside_vpc.c. Other systems than Linux have no LD_PRELOAD, and need no library."""
    if sys.platform != "linux":
        return ""
    file = folder / "inside_vpc.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", file, HERE / "inside_vpc.c", "-ldl"], check=True)
    return str(file)


class InsideVpc:
    """A server on `port` of the loopback interface, which answers when the engine runs."""

    def __init__(self, engine):
        self._engine, self._gateway = engine, functools.cache(lambda host: engine.gateway(host=host))
        # A port whose queue is full, so that the system drops all other requests to connect.
        self._drops = socket.create_server((LOOPBACK, 0), backlog=0)
        self._first = socket.create_connection(self._drops.getsockname())
        answers = {"name": self.name, "address": self.address}

        class Question(socketserver.StreamRequestHandler):
            def handle(self):
                subnet, what, *about = self.rfile.readline().decode().split()
                self.wfile.write(f"{answers[what](subnet, *about)}\n".encode())

        server = socketserver.ThreadingTCPServer((LOOPBACK, 0), Question)
        self.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def name(self, subnet, name):
        """The addresses that a name has in a subnet, separated by spaces."""
        vpc, endpoints = self._subnet(subnet)["VpcId"], self._engine.standing()
        ids = [one["id"] for one in endpoints
               if one["vpc_id"] == vpc and one["private_dns_enabled"] and PRIVATE_NAMES[one["service_name"]] == name]
        ids = ids or self._aliases(vpc, f"{name}.")
        return " ".join(interface["address"] for one in endpoints if one["id"] in ids for interface in one["interfaces"])

    def _aliases(self, vpc, name):
        """The IDs of the endpoints to which the records of a name lead."""
        zones = [zone for zone in self._route53.list_hosted_zones_by_vpc(VPCId=vpc, VPCRegion=REGION)["HostedZoneSummaries"]
                 if f".{name}".endswith(f".{zone['Name']}")]
        if not zones:
            return []
        zone = max(zones, key=lambda zone: len(zone["Name"]))["HostedZoneId"]
        return [record["AliasTarget"]["DNSName"][:ID_LENGTH]
                for record in self._route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
                if (record["Name"], record["Type"]) == (name, "A") and "AliasTarget" in record]

    def address(self, subnet, address, port):
        """The local port that stands for an address as seen from a subnet."""
        hosts = [PRIVATE_NAMES[endpoint["service_name"]] for endpoint in self._engine.standing()
                 for interface in endpoint["interfaces"] if interface["address"] == address
                 and self._is_reachable(self._subnet(subnet), endpoint, interface, int(port))]
        return self._gateway(hosts[0]) if hosts else self._drops.getsockname()[1]

    def _is_reachable(self, client, endpoint, interface, port):
        groups = [group for group in self._engine.groups() if group["id"] in endpoint["group_ids"]]
        return (self._leads(client, interface["address"])
                and self._leads(self._subnet(interface["subnet_id"]), client["CidrBlock"])
                and any(rule["from_port"] <= port <= rule["to_port"] and is_part(client["CidrBlock"], rule["source"].get("cidr"))
                        for group in groups for rule in group["ingress"]))

    def _leads(self, subnet, to):
        """Whether a route of the subnet leads to a CIDR block or address. In its own VPC, the local route does."""
        def tables(filters):
            return self._ec2.describe_route_tables(Filters=[
                {"Name": name, "Values": [value]} for name, value in filters.items()])["RouteTables"]
        (table,) = (tables({"association.subnet-id": subnet["SubnetId"]})
                    or tables({"association.main": "true", "vpc-id": subnet["VpcId"]}))
        return any(route["State"] == "active" and is_part(to, route.get("DestinationCidrBlock")) for route in table["Routes"])

    @functools.cache
    def _subnet(self, subnet):
        return self._ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]

    @functools.cached_property
    def _ec2(self):
        return self._client("ec2", self._engine.ec2)

    @functools.cached_property
    def _route53(self):
        return self._client("route53", self._engine.aws)

    @staticmethod
    def _client(service, url):
        # Not in boto3's default session, because scenarios may create clients at the same time.
        return boto3.Session().client(service, endpoint_url=url, region_name=REGION, aws_access_key_id="inside-vpc",
                                      aws_secret_access_key="inside-vpc")


def is_part(block, of):
    return of is not None and ipaddress.ip_network(block).subnet_of(ipaddress.ip_network(of))
