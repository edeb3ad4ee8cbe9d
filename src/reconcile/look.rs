//! A look: where to look, and what comes of it.

use super::Reconciler;
use crate::ec2::{Find, no_answer};
use crate::endpoint::Endpoint;
use crate::failure::Ec2Error;
use crate::ids::EndpointId;
use crate::properties::ReuseScope;
use crate::reference::OWNED;
use crate::release::CALL_LIMIT;
use crate::request::Verb;
use crate::step::Observed;
use crate::survey::{Fact, Finding};
use futures_util::future::try_join_all;
use std::collections::BTreeMap;

impl Reconciler<'_> {
    /// One look at the endpoints; and facts that will be needed, at the same time.
    pub(super) async fn look(&mut self, facts: Vec<Fact>) -> Result<Observed, Ec2Error> {
        let at = self.clock.now();
        let finds = self.finds();
        let endpoints = try_join_all(finds.iter().map(|find| self.ec2.find(find)));
        let findings = try_join_all(facts.iter().map(|fact| self.find_out(fact)));
        let both = Box::pin(async { tokio::try_join!(endpoints, findings) });
        let seen = self.clock.until(at.saturating_add(CALL_LIMIT).unwrap_or(at), both).await;
        let too_slow = || no_answer("DescribeVpcEndpoints", "one look".to_owned(), "EC2 did not answer in time");
        let (found, findings) = seen.unwrap_or_else(|| Err(too_slow()))?;
        let by_id: BTreeMap<EndpointId, Endpoint> =
            found.into_iter().flatten().map(|endpoint| (endpoint.id.clone(), endpoint)).collect();
        let observed = Observed { at, endpoints: by_id.into_values().collect() };
        self.progress.survey.look_again();
        for finding in findings {
            self.progress.survey.learn(finding);
        }
        self.progress.journal.see(&self.request.holder, &observed);
        if let Some(endpoint) = self.of_interest(&observed) {
            self.progress.whereabouts.last_seen = Some((endpoint.id.clone(), endpoint.state.clone()));
        }
        Ok(observed)
    }

    /// Reads facts, all at the same time.
    pub(super) async fn read(&mut self, facts: &[Fact]) -> Result<(), Ec2Error> {
        let findings = try_join_all(facts.iter().map(|fact| self.find_out(fact))).await?;
        for finding in findings {
            self.progress.survey.learn(finding);
        }
        Ok(())
    }

    async fn find_out(&self, fact: &Fact) -> Result<Finding, Ec2Error> {
        let spec = self.request.spec();
        let vpc = spec.and_then(|spec| spec.vpc_id.as_ref());
        match (fact, spec, vpc) {
            (Fact::Service, Some(spec), _) => self.ec2.service(&spec.service_name).await.map(Finding::Service),
            (Fact::Vpc, _, Some(vpc)) => self.ec2.vpc(vpc).await.map(Finding::Vpc),
            (Fact::VpcDns, _, Some(vpc)) => self.ec2.vpc_dns(vpc).await.map(Finding::VpcDns),
            (Fact::Subnets, _, Some(vpc)) => self.ec2.subnets(vpc).await.map(Finding::Subnets),
            (Fact::Groups(ids), ..) => self.ec2.groups(ids).await.map(|groups| Finding::Groups(ids.clone(), groups)),
            (Fact::OwnGroup(place), ..) => {
                let found = self.ec2.group_by_name(&place.0, &place.1).await;
                found.map(|group| Finding::OwnGroup(place.clone(), group))
            }
            // Who names no VPC, or no service, has none.
            (Fact::Service, None, _) => Ok(Finding::Service(None)),
            (Fact::Vpc, _, None) => Ok(Finding::Vpc(None)),
            (Fact::VpcDns, _, None) => Ok(Finding::VpcDns(None)),
            (Fact::Subnets, _, None) => Ok(Finding::Subnets(Vec::new())),
        }
    }

    /// Where to look: for a wish, at the service's endpoints in scope; for a resource that has something already, at what
    /// carries its reference too; for one that may have had anything, at both; and always at what this event has touched,
    /// which may carry no reference any more.
    fn finds(&self) -> Vec<Find> {
        let mut finds = Vec::new();
        if let Some(spec) = self.request.spec() {
            let vpc = match spec.reuse_scope {
                ReuseScope::Vpc => spec.vpc_id.clone(),
                ReuseScope::Region => None,
            };
            finds.push(Find::Service(spec.service_name.clone(), vpc));
        }
        let named = match &self.request.verb {
            Verb::Create(_) => None,
            Verb::Update { current, .. } => {
                finds.extend(self.of_the_resource());
                current.clone()
            }
            Verb::Delete { endpoint, place, nothing_made } => {
                if endpoint.is_none() {
                    finds.extend(self.of_the_resource());
                    let place = place.iter().filter(|_| !nothing_made).cloned();
                    finds.extend(place.map(|(vpc, service)| Find::Service(service, Some(vpc))));
                }
                endpoint.clone()
            }
        };
        let ids: Vec<EndpointId> =
            named.into_iter().chain(self.progress.journal.release_calls.keys().cloned()).collect();
        if !ids.is_empty() {
            finds.push(Find::Ids(ids));
        }
        finds
    }

    /// What carries the resource's reference, and what was made for it: a delivery that crashed may have taken the
    /// reference away and not have come to delete the endpoint.
    fn of_the_resource(&self) -> [Find; 2] {
        let holder = &self.request.holder;
        [Find::TagKey(holder.ref_key()), Find::Tag(OWNED.to_owned(), holder.hash.clone())]
    }

    /// The endpoint that people would ask about.
    fn of_interest<'e>(&self, observed: &'e Observed) -> Option<&'e Endpoint> {
        let named = self.request.current().and_then(|id| observed.find(id));
        let held = || observed.endpoints.iter().find(|endpoint| self.request.holder.is_in(&endpoint.tags));
        named.or_else(held).or(observed.endpoints.first())
    }
}
