//! Reading the facts that a decision asks for. It changes nothing.

use crate::decision::facts::{Fact, FactValue};
use crate::ec2::Ec2;
use crate::model::ec2_error::Ec2Error;
use crate::model::ids::ServiceName;
use crate::model::query::EndpointQuery;
use crate::request::Request;

/// Reads one fact. `held` is the service of an endpoint that the resource holds.
///
/// # Errors
/// What EC2 answered instead.
pub async fn fetch(
    ec2: &Ec2,
    request: &Request,
    held: Option<&ServiceName>,
    fact: &Fact,
) -> Result<FactValue, Ec2Error> {
    // The properties of a Delete may name only a cluster.
    match (fact, request.service().or(held), request.vpc()) {
        (Fact::Service, Some(service), _) => ec2.service(service).await.map(FactValue::Service),
        (Fact::Vpc, _, Some(vpc)) => ec2.vpc(vpc).await.map(FactValue::Vpc),
        (Fact::VpcDns, _, Some(vpc)) => ec2.vpc_dns(vpc).await.map(FactValue::VpcDns),
        (Fact::Subnets, _, Some(vpc)) => ec2.subnets(Some(vpc)).await.map(FactValue::Subnets),
        (Fact::Groups(ids), ..) => ec2.groups(ids).await.map(|groups| FactValue::Groups(ids.clone(), groups)),
        (Fact::Marks, ..) => ec2.groups_owned_by(&request.holder.hash).await.map(FactValue::Marks),
        (Fact::ManagedGroup(place), ..) => {
            let found = ec2.group_by_name(&place.0, &place.1).await;
            found.map(|group| FactValue::ManagedGroup(place.clone(), group))
        }
        (Fact::Neighbors, _, Some(vpc)) => {
            ec2.endpoints(&EndpointQuery::Vpc(vpc.clone())).await.map(FactValue::Neighbors)
        }
        // A request that names no VPC, or no service, has none.
        (Fact::Service, None, _) => Ok(FactValue::Service(None)),
        (Fact::Vpc, _, None) => Ok(FactValue::Vpc(None)),
        (Fact::VpcDns, _, None) => Ok(FactValue::VpcDns(None)),
        (Fact::Subnets, _, None) => Ok(FactValue::Subnets(Vec::new())),
        (Fact::Neighbors, _, None) => Ok(FactValue::Neighbors(Vec::new())),
    }
}
