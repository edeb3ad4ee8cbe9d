//! What makes a wish impossible, and what will surprise although it is possible.

use super::Present;
use crate::endpoint::Endpoint;
use crate::group::{Group, Source, lets_in, named_sources};
use crate::ids::{GroupId, VpcId, ZoneId, join};
use crate::placement::{Placement, place, zones_in_question};
use crate::refusal::{Refusal, vpc_dns_off};
use crate::request::Verb;
use crate::step::Stop;
use crate::survey::Service;
use crate::warning::Warning;
use std::collections::BTreeSet;

impl Present<'_> {
    pub(super) fn refuse_region(&self) -> Result<(), Stop> {
        let service = &self.spec.service_name;
        let region = service.region().unwrap_or_default();
        if region == self.home.region {
            return Ok(());
        }
        let (service_region, region) = (region.to_owned(), self.home.region.clone());
        Err(Refusal::OtherRegion { service: service.clone(), service_region, region }.into())
    }

    /// The subnets to be in, unless the endpoint is in another VPC; and everything about VPC, groups and subnets that
    /// makes the wish impossible.
    pub(super) fn placement(&self, target: Option<&Endpoint>) -> Result<Option<Placement>, Stop> {
        if target.is_some_and(|endpoint| !self.is_here(endpoint)) {
            return Ok(None);
        }
        let Some(vpc) = &self.spec.vpc_id else {
            return Err(Refusal::NothingToReuse { service: self.spec.service_name.clone() }.into());
        };
        // An endpoint that the resource already has stays as it is when the world around it changed; for all else the
        // way must be clear first.
        let has_one = target.is_some_and(|endpoint| self.request.current() == Some(&endpoint.id));
        if !has_one {
            self.refuse_vpc(vpc)?;
        }
        self.refuse_groups(vpc)?;
        let subnets = self.survey.subnets()?;
        if let Some(endpoint) = target {
            // The service is where its endpoint is; mostly no more needs to be known of it.
            let zones = self.survey.zones_of(endpoint)?;
            let turning_dns_on = self.spec.private_dns && !endpoint.private_dns;
            if !turning_dns_on && zones_in_question(self.spec, subnets).is_subset(&zones) {
                return Ok(Some(place(self.spec, vpc, &in_zones(&zones), subnets, target)?));
            }
        }
        let Some(service) = self.survey.service()? else {
            let (region, account) = (self.home.region.clone(), self.home.account.clone());
            let unknown = Refusal::UnknownService { service: self.spec.service_name.clone(), region, account };
            return if has_one { Ok(None) } else { Err(unknown.into()) };
        };
        if service.acceptance_required && target.is_none() {
            return Err(Refusal::AcceptanceRequired { service: self.spec.service_name.clone() }.into());
        }
        if self.spec.private_dns && target.is_none_or(|endpoint| !endpoint.private_dns) {
            self.refuse_private_dns(vpc, service)?;
        }
        Ok(Some(place(self.spec, vpc, service, subnets, target)?))
    }

    /// The VPC itself needs to be asked about only where its subnets look wrong.
    fn refuse_vpc(&self, vpc: &VpcId) -> Result<(), Stop> {
        let account = self.home.account.clone();
        let subnets = self.survey.subnets()?;
        if !subnets.is_empty() && subnets.iter().all(|subnet| subnet.owner_id == account) {
            return Ok(());
        }
        match self.survey.vpc()? {
            None => Err(Refusal::UnknownVpc { vpc: vpc.clone(), region: self.home.region.clone(), account }.into()),
            Some(found) if found.owner_id != account => {
                Err(Refusal::SharedVpc { vpc: vpc.clone(), owner: found.owner_id.clone(), account }.into())
            }
            Some(_) => Ok(()),
        }
    }

    fn refuse_private_dns(&self, vpc: &VpcId, service: &Service) -> Result<(), Stop> {
        let name = || self.spec.service_name.clone();
        match &service.private_dns_name {
            None => return Err(Refusal::NoPrivateName { service: name() }.into()),
            Some(private) if !service.private_dns_verified => {
                return Err(Refusal::PrivateNameNotVerified { service: name(), name: private.clone() }.into());
            }
            Some(_) => {}
        }
        // EC2 refuses by itself, and changes nothing; then two calls tell which of the attributes is off.
        if !self.journal.vpc_dns_refused {
            return Ok(());
        }
        let off = self.survey.vpc_dns()?.and_then(|dns| vpc_dns_off(vpc, dns));
        off.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    fn refuse_groups(&self, vpc: &VpcId) -> Result<(), Stop> {
        let (own, let_in) = (&self.spec.group_ids, &self.spec.allowed_group_ids);
        let found = self.survey.groups(&[own.as_slice(), let_in].concat())?;
        let unknown = |property: &'static str, ids: &[GroupId]| {
            let shown = |id: &&GroupId| found.iter().any(|group| group.id == **id);
            let group = ids.iter().find(|id| !shown(id))?.clone();
            Some(Refusal::UnknownGroup { property, group, vpc: vpc.clone() })
        };
        if let Some(refusal) = unknown("SecurityGroupIds", own).or_else(|| unknown("AllowedSecurityGroupIds", let_in)) {
            return Err(refusal.into());
        }
        // A group to let in may be of another VPC, if the two are peered. Only EC2 can tell.
        if let Some(stranger) = found.iter().find(|group| own.contains(&group.id) && group.vpc_id != *vpc) {
            let (group, found) = (stranger.id.clone(), stranger.vpc_id.clone());
            return Err(Refusal::GroupOfOtherVpc { group, found, vpc: vpc.clone() }.into());
        }
        Ok(())
    }

    /// Whether the endpoint's groups, all together, keep everybody out.
    pub(super) fn port_closed(&self, endpoint: &Endpoint) -> Result<Option<Warning>, Stop> {
        // A rule that this event has written may not be shown yet.
        if self.spec.vpc_id.is_none() || endpoint.group_ids.iter().any(|id| self.journal.opened.contains(id)) {
            return Ok(None);
        }
        let groups: Vec<&Group> = self.survey.groups(&endpoint.group_ids)?;
        let port = self.spec.port;
        let mut sources = named_sources(self.spec);
        if sources.is_empty() {
            let blocks = self.survey.subnets()?.iter().flat_map(|subnet| &subnet.blocks);
            let blocks: Vec<Source> = blocks.copied().map(Source::Block).collect();
            if lets_in(groups.iter().copied(), port, &blocks) {
                return Ok(None);
            }
            // More than the subnets' blocks, and fewer words.
            let vpc = self.survey.vpc()?;
            sources = vpc.map(|vpc| vpc.blocks.iter().copied().map(Source::Block).collect()).unwrap_or_default();
        }
        let (Some(group), Some(source)) = (groups.first(), sources.first()) else { return Ok(None) };
        if lets_in(groups.iter().copied(), port, &sources) {
            return Ok(None);
        }
        let from = match source {
            Source::Group(id) => format!("--source-group {id}"),
            block @ (Source::Block(_) | Source::PrefixList(_)) => format!("--cidr {block}"),
        };
        Ok(Some(Warning::PortClosed {
            groups: join(groups.iter().map(|group| &group.id), ", "),
            port,
            sources: join(&sources, ", "),
            command: format!(
                "aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port {port} {from}",
                group.id
            ),
        }))
    }

    /// The VPC's DNS is asked about at updates only: when an endpoint with private DNS was made, EC2 saw to it.
    pub(super) fn warning_of_place(&self, endpoint: &Endpoint) -> Result<Option<Warning>, Stop> {
        if !self.is_here(endpoint) {
            return Ok(Some(Warning::OtherVpc { endpoint: endpoint.id.clone(), vpc: endpoint.vpc_id.clone() }));
        }
        if !endpoint.private_dns || !matches!(self.request.verb, Verb::Update { .. }) {
            return Ok(None);
        }
        let off = self.survey.vpc_dns()?.filter(|dns| !(dns.support && dns.hostnames));
        Ok(off.map(|_| Warning::VpcDnsOff { vpc: endpoint.vpc_id.clone() }))
    }
}

/// What an endpoint tells of its service.
fn in_zones(zones: &BTreeSet<&ZoneId>) -> Service {
    Service { zone_ids: zones.iter().copied().cloned().collect(), ..Service::default() }
}
