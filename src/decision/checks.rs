//! What makes a request impossible, and what deserves a warning although it is possible.

use super::desired::{Desired, Own};
use super::placement::{Placement, Site, zones_in_question};
use super::provision::Provision;
use super::refusal::Refusal;
use super::relation::Relation;
use super::view::Unless;
use super::warning::Warning;
use crate::model::change::IpAddressType;
use crate::model::endpoint::Endpoint;
use crate::model::ids::{GroupId, SubnetId, VpcId, ZoneId, join};
use crate::model::network::{Service, VpcDns};
use crate::model::security_group::{Rule, Source, admits_any};
use ipnet::IpNet;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

impl Provision<'_> {
    pub(super) fn reject_other_region(&self) -> Unless<()> {
        let service = &self.spec.service_name;
        let region = service.region().unwrap_or_default();
        if region == self.home.region {
            return Ok(());
        }
        let (service_region, region) = (region.to_owned(), self.home.region.clone());
        Err(Refusal::OtherRegion { service: service.clone(), service_region, region }.into())
    }

    /// The subnets of the endpoint, unless it is in another VPC. Rejects what the VPC, its subnets and the security groups
    /// make impossible.
    pub(super) fn placement(&self, target: Option<&Endpoint>) -> Unless<Option<Placement>> {
        if let Some(endpoint) = target.filter(|endpoint| !self.is_here(endpoint)) {
            let is_new = self.request.current() != Some(&endpoint.id);
            self.spec.vpc_id.as_ref().filter(|_| is_new).map_or(Ok(()), |vpc| self.reject_unknown_spoke(vpc))?;
            return Ok(None);
        }
        let Some(vpc) = &self.spec.vpc_id else {
            return Err(Refusal::NothingToReuse { service: self.spec.service_name.clone() }.into());
        };
        // The endpoint that the resource already has stays as it is when the world around it has changed.
        let is_current = target.is_some_and(|endpoint| self.request.current() == Some(&endpoint.id));
        if !is_current {
            self.reject_vpc(vpc)?;
        }
        self.reject_groups(vpc, is_current)?;
        let subnets = self.view.facts.subnets()?;
        let spec = match self.gone.without_subnets(self.spec) {
            Some(spec) => spec,
            None if is_current => return Ok(None),
            None => Cow::Borrowed(self.spec),
        };
        let spec = &*spec;
        let relation = target.map(|endpoint| self.relation(endpoint));
        let existing = target.zip(relation.as_ref());
        let new_type = self.new_address_type(existing);
        let current_type = target.and_then(|endpoint| IpAddressType::parse(&endpoint.ip_address_type));
        // Where the type is left to EC2, endpoints have been IPv4 so far.
        let address_type = new_type.or(current_type).unwrap_or(IpAddressType::Ipv4);
        let region = self.home.region.as_str();
        let named_before = self.request.before().map(|before| before.named.subnet_ids.as_slice()).unwrap_or_default();
        let dropped: Vec<SubnetId> = named_before.iter().filter(|id| !spec.subnet_ids.contains(id)).cloned().collect();
        let dropped = &*dropped;
        let site = |service| Site { spec, vpc, region, service, subnets, existing, dropped, address_type };
        if let Some(endpoint) = target {
            // The service is available in the zones of its endpoint. Usually nothing else has to be known about it.
            let zones = self.view.facts.zones_of(endpoint)?;
            let is_known = new_type.is_none() && (endpoint.private_dns || !spec.private_dns);
            if is_known && zones_in_question(spec, subnets).is_subset(&zones) {
                return Ok(Some(site(&in_zones(&zones)).place()?));
            }
        }
        let Some(service) = self.view.facts.service()? else {
            let (region, account) = (self.home.region.clone(), self.home.account.clone());
            let unknown = Refusal::UnknownService { service: spec.service_name.clone(), region, account };
            return if is_current { Ok(None) } else { Err(unknown.into()) };
        };
        if service.acceptance_required && target.is_none() {
            return Err(Refusal::AcceptanceRequired { service: spec.service_name.clone() }.into());
        }
        if let Some(wanted) = new_type.filter(|wanted| !service.offers(*wanted)) {
            let (service, offered) = (spec.service_name.clone(), join(&service.address_families, ", "));
            return Err(Refusal::AddressTypeNotOffered { wanted, service, offered }.into());
        }
        if spec.private_dns && target.is_none_or(|endpoint| !endpoint.private_dns) {
            self.reject_private_dns(vpc, service)?;
        }
        Ok(Some(site(service).place()?))
    }

    /// The IP address type that the endpoint gets, if it does not have it yet.
    fn new_address_type(&self, existing: Option<(&Endpoint, &Relation)>) -> Option<IpAddressType> {
        let wanted = self.spec.ip_address_type;
        match existing {
            None => wanted,
            Some((_, Relation::Foreign)) => None,
            Some((endpoint, Relation::Owned(others))) => {
                let own = Own { stays: true, ip_address_type: wanted, ..Own::NOTHING };
                let (facts, before, managed_group) = (self.view.facts, [].as_slice(), None);
                Desired { endpoint, facts, own, before, others, managed_group }.address_type()
            }
        }
    }

    /// The VPC itself has to be read only if something about its subnets is wrong.
    fn reject_vpc(&self, vpc: &VpcId) -> Unless<()> {
        let account = self.home.account.clone();
        let subnets = self.view.facts.subnets()?;
        if !subnets.is_empty() && subnets.iter().all(|subnet| subnet.owner_id == account) {
            return Ok(());
        }
        match self.view.facts.vpc(vpc)? {
            None => Err(Refusal::UnknownVpc { vpc: vpc.clone(), region: self.home.region.clone(), account }.into()),
            Some(found) if found.owner_id != account => {
                Err(Refusal::SharedVpc { vpc: vpc.clone(), owner: found.owner_id.clone(), account }.into())
            }
            Some(_) => Ok(()),
        }
    }

    fn reject_private_dns(&self, vpc: &VpcId, service: &Service) -> Unless<()> {
        let name = || self.spec.service_name.clone();
        match &service.private_dns_name {
            None => return Err(Refusal::NoPrivateName { service: name() }.into()),
            Some(private) if !service.private_dns_verified => {
                return Err(Refusal::PrivateNameNotVerified { service: name(), name: private.clone() }.into());
            }
            Some(_) => {}
        }
        // EC2 rejects the endpoint and changes nothing; then two calls tell which of the attributes is off.
        if !self.view.journal.creation().vpc_dns_refused {
            return Ok(());
        }
        let off = self.view.facts.vpc_dns()?.and_then(|dns| vpc_dns_off(vpc, dns));
        off.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    /// The endpoint that the resource already has can do without a security group that others have deleted.
    fn reject_groups(&self, vpc: &VpcId, is_current: bool) -> Unless<()> {
        let (attached, allowed) = (&self.spec.group_ids, &self.spec.allowed_group_ids);
        let found = self.view.facts.groups(&[attached.as_slice(), allowed].concat())?;
        let unknown = |property: &'static str, ids: &[GroupId]| {
            let shown = |id: &GroupId| found.iter().any(|group| group.id == *id);
            let tolerated = |id: &GroupId| self.gone.has_group(id) && (is_current || ids.iter().any(shown));
            let groups: Vec<&GroupId> = ids.iter().filter(|id| !shown(id) && !tolerated(id)).collect();
            let groups = (!groups.is_empty()).then(|| join(groups, ", "))?;
            Some(Refusal::UnknownGroups { property, groups, vpc: vpc.clone() })
        };
        if let Some(refusal) =
            unknown("SecurityGroupIds", attached).or_else(|| unknown("AllowedSecurityGroupIds", allowed))
        {
            return Err(refusal.into());
        }
        // An allowed security group may be in another VPC if the two are peered. Only EC2 can tell.
        let others = found.iter().filter(|group| attached.contains(&group.id) && group.vpc_id != *vpc);
        let groups = join(others.map(|group| format!("{} in {}", group.id, group.vpc_id)), ", ");
        if !groups.is_empty() {
            return Err(Refusal::GroupsOfOtherVpc { groups, vpc: vpc.clone() }.into());
        }
        Ok(())
    }

    /// Whether the endpoint's security groups together keep clients out: those that the properties name, or else those in
    /// the VPC's subnets. Part of a CIDR block is enough, because a group may well be meant for some of the clients in it.
    pub(super) fn port_closed(&self, endpoint: &Endpoint) -> Unless<Option<Warning>> {
        // EC2 may not show yet a rule that this event has written.
        let Some(vpc) = &self.spec.vpc_id else { return Ok(None) };
        if endpoint.group_ids.iter().any(|id| self.view.journal.group(id).authorized) {
            return Ok(None);
        }
        let groups = self.view.facts.groups(&endpoint.group_ids)?;
        let port = self.spec.port;
        let admits = |sources: &[Source]| admits_any(groups.iter().copied(), port, sources);
        let named = self.gone.sources(self.spec);
        let clients: Vec<(Source, bool)> = if named.is_none() {
            let blocks = self.blocks_in_use(endpoint)?;
            if admits_each(&blocks, admits) {
                return Ok(None);
            }
            // The VPC's blocks include the subnets', and are fewer words.
            let outer = self.view.facts.blocks(vpc)?;
            let around = |block: &IpNet| outer.iter().find(|outer| outer.contains(block));
            let mut by_block: BTreeMap<Source, Vec<Source>> = BTreeMap::new();
            for block in blocks {
                let outer = Source::Block(around(&block).copied().unwrap_or(block));
                by_block.entry(outer).or_default().push(Source::Block(block));
            }
            by_block.into_iter().map(|(outer, inner)| (outer, admits(&inner))).collect()
        } else {
            named.into_iter().flatten().map(|source| (source.clone(), admits(&[source]))).collect()
        };
        let some_admitted = clients.iter().any(|(_, admitted)| *admitted);
        let kept_out: Vec<Source> = clients.into_iter().filter(|(_, admitted)| !admitted).map(|(it, _)| it).collect();
        let (Some(group), Some(source)) = (groups.first(), kept_out.first()) else { return Ok(None) };
        let from = match source {
            Source::Group(id) => format!("--source-group {id}"),
            block @ (Source::Block(_) | Source::PrefixList(_)) => format!("--cidr {block}"),
        };
        let command = format!(
            "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port {port} {from}",
            group.id
        );
        let (groups, sources) = (join(groups.iter().map(|group| &group.id), ", "), join(&kept_out, ", "));
        Ok(Some(if some_admitted {
            Warning::ClientsKeptOut { groups, port, sources, command }
        } else {
            Warning::PortClosed { groups, port, sources, command }
        }))
    }

    /// The CIDR blocks of the VPC's subnets, of the address families in which clients reach the endpoint.
    fn blocks_in_use(&self, endpoint: &Endpoint) -> Unless<Vec<IpNet>> {
        let kind = IpAddressType::parse(&endpoint.ip_address_type).unwrap_or(IpAddressType::Ipv4);
        let is_of_family = |block: &&IpNet| if block.addr().is_ipv4() { kind.uses_ipv4() } else { kind.uses_ipv6() };
        let blocks = self.view.facts.subnets()?.iter().flat_map(|subnet| &subnet.blocks);
        Ok(blocks.filter(is_of_family).copied().collect())
    }

    /// Whom the endpoint's security groups allow beyond those whom the properties name.
    pub(super) fn admits_more(&self, endpoint: &Endpoint) -> Unless<Option<Warning>> {
        let Some(asked) = self.gone.sources(self.spec).filter(|_| self.is_here(endpoint)) else { return Ok(None) };
        let groups = self.view.facts.groups(&endpoint.group_ids)?;
        let blocks: Vec<IpNet> = asked.iter().filter_map(Source::block).collect();
        let blocks = IpNet::aggregate(&blocks);
        let is_asked = |source: &Source| match source {
            Source::Block(open) => blocks.iter().any(|block| block.contains(open)),
            Source::PrefixList(_) | Source::Group(_) => asked.contains(source),
        };
        let mut more: BTreeMap<&GroupId, BTreeSet<&Source>> = BTreeMap::new();
        for group in groups {
            // EC2 may still show a rule that this event has removed.
            let removed = |rule: &Rule| rule.is_ours && self.view.journal.group(&group.id).revoked.is_some();
            let rules = group.rules.iter().filter(|rule| rule.allows(self.spec.port) && !removed(rule));
            for rule in rules.filter(|rule| !is_asked(&rule.source)) {
                more.entry(&group.id).or_default().insert(&rule.source);
            }
        }
        let sources: BTreeSet<&Source> = more.values().flatten().copied().collect();
        Ok((!more.is_empty()).then(|| Warning::AdmitsMore {
            groups: join(more.keys(), ", "),
            port: self.spec.port,
            sources: join(sources, ", "),
        }))
    }

    /// EC2 knows the name that resolves. TiDB Cloud may show another one, for which the certificate may be.
    pub(super) fn warning_of_host(&self, name: Option<&str>) -> Option<Warning> {
        let (ours, theirs) = (name?, self.spec.served.as_ref()?.host.as_deref()?);
        let (host, other) = (ours.to_owned(), theirs.to_owned());
        (!ours.eq_ignore_ascii_case(theirs)).then_some(Warning::OtherHost { host, other })
    }

    /// The VPC's DNS is read only for updates: EC2 checks it when it creates an endpoint with private DNS.
    pub(super) fn warning_of_place(&self, endpoint: &Endpoint) -> Unless<Option<Warning>> {
        if !self.is_here(endpoint) {
            return Ok(Some(match &self.spec.vpc_id {
                Some(own) => {
                    Warning::OtherVpc { endpoint: endpoint.id.clone(), vpc: endpoint.vpc_id.clone(), own: own.clone() }
                }
                None => Warning::UnknownVpc { endpoint: endpoint.id.clone(), vpc: endpoint.vpc_id.clone() },
            }));
        }
        if !endpoint.private_dns || !self.request.is_update() {
            return Ok(None);
        }
        let off = self.view.facts.vpc_dns()?.filter(|dns| !(dns.support && dns.hostnames));
        Ok(off.map(|_| Warning::VpcDnsOff { vpc: endpoint.vpc_id.clone() }))
    }
}

fn admits_each(blocks: &[IpNet], admits: impl Fn(&[Source]) -> bool) -> bool {
    blocks.iter().all(|block| admits(&[Source::Block(*block)]))
}

/// What an endpoint tells about its service.
fn in_zones(zones: &BTreeSet<&ZoneId>) -> Service {
    Service { zone_ids: zones.iter().copied().cloned().collect(), ..Service::default() }
}

/// Which DNS attributes are off, and the commands that turn them on; `None` if both are on.
fn vpc_dns_off(vpc: &VpcId, dns: VpcDns) -> Option<Refusal> {
    let what = match (dns.support, dns.hostnames) {
        (true, true) => return None,
        (true, false) => "enableDnsHostnames is",
        (false, true) => "enableDnsSupport is",
        (false, false) => "enableDnsSupport and enableDnsHostnames are",
    };
    let command = |flag: &str| format!("aws ec2 modify-vpc-attribute --vpc-id {vpc} --{flag}");
    let commands = [(dns.support, "enable-dns-support"), (dns.hostnames, "enable-dns-hostnames")];
    let commands = join(commands.into_iter().filter(|(on, _)| !on).map(|(_, flag)| command(flag)), " && ");
    Some(Refusal::VpcDnsOff { vpc: vpc.clone(), what, commands })
}
