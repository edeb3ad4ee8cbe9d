//! The clients of the AWS services and TiDB Cloud, and reading the facts that a decision asks for. It changes nothing.

use crate::cloudformation::CloudFormation;
use crate::decision::facts::{Fact, FactValue};
use crate::ec2::Ec2;
use crate::model::ec2_error::Ec2Error;
use crate::model::ids::ServiceName;
use crate::model::query::EndpointQuery;
use crate::model::route::Way;
use crate::request::Request;
use crate::resolve::Clusters;
use crate::runtime::clock::Clock;
use tracing::warn;

/// The clients that an event or a question may need.
#[derive(Debug, Clone)]
pub struct Clients {
    pub ec2: Ec2,
    /// For events that may come too late, for Updates, which may be rollbacks, for the Delete of a Create that did not
    /// respond, and for questions.
    pub cloudformation: CloudFormation,
    /// Only for resources with a `ClusterId`.
    pub clusters: Clusters,
}

/// Reads one fact. `held` is the service of an endpoint that the resource holds.
///
/// # Errors
/// What EC2 answered instead.
pub async fn fetch(
    Clients { ec2, cloudformation, .. }: &Clients,
    clock: &Clock,
    request: &Request,
    held: Option<&ServiceName>,
    fact: &Fact,
) -> Result<FactValue, Ec2Error> {
    // The properties of a Delete may name only a cluster.
    match (fact, request.service().or(held), request.vpc()) {
        (Fact::Service, Some(service), _) => ec2.service(service).await.map(FactValue::Service),
        (Fact::Vpc(vpc), ..) => ec2.vpc(vpc).await.map(|found| FactValue::Vpc(vpc.clone(), found)),
        (Fact::VpcDns, _, Some(vpc)) => ec2.vpc_dns(vpc).await.map(FactValue::VpcDns),
        (Fact::Subnets, _, Some(vpc)) => ec2.subnets(Some(vpc)).await.map(FactValue::Subnets),
        (Fact::Groups(ids), ..) => ec2.groups(ids).await.map(|groups| FactValue::Groups(ids.clone(), groups)),
        (Fact::Marks, ..) => ec2.groups_owned_by(&request.holder.hash).await.map(FactValue::Marks),
        (Fact::ManagedGroup(place), ..) => {
            let found = ec2.group_by_name(&place.0, &place.1).await;
            found.map(|group| FactValue::ManagedGroup(place.clone(), group))
        }
        (Fact::ManagedGroups(name), ..) => {
            let found = ec2.vpcs_with_group(name).await;
            found.map(|vpcs| FactValue::ManagedGroups(name.clone(), vpcs))
        }
        (Fact::Neighbors(vpc), ..) => {
            let found = ec2.endpoints(&EndpointQuery::Vpc(vpc.clone())).await;
            found.map(|endpoints| FactValue::Neighbors(vpc.clone(), endpoints))
        }
        (Fact::Way(to), _, Some(from)) => {
            let read = async { tokio::try_join!(ec2.route_tables(from), ec2.route_tables(to), ec2.subnets(Some(to))) };
            let (out, back, subnets) = Box::pin(read).await?;
            Ok(FactValue::Way(to.clone(), Way { out, back, subnets }))
        }
        // Nothing depends on an answer, so a decision is not kept waiting for one.
        (Fact::Operation, ..) => {
            let Some(resource) = &request.resource else { return Ok(FactValue::Operation(None)) };
            let answer = cloudformation.resource(resource, clock).await;
            Ok(FactValue::Operation(answer.inspect_err(|error| warn!(step = "look", "{error}")).ok()))
        }
        (Fact::Stack, ..) => {
            let Some(resource) = &request.resource else { return Ok(FactValue::Stack(None)) };
            let answer = cloudformation.stack(&resource.stack, clock).await;
            Ok(FactValue::Stack(answer.inspect_err(|error| warn!(step = "look", "{error}")).ok()))
        }
        // A request that names no VPC, or no service, has none.
        (Fact::Service, None, _) => Ok(FactValue::Service(None)),
        (Fact::VpcDns, _, None) => Ok(FactValue::VpcDns(None)),
        (Fact::Way(to), _, None) => Ok(FactValue::Way(to.clone(), Way::default())),
        (Fact::Subnets, _, None) => Ok(FactValue::Subnets(Vec::new())),
    }
}
