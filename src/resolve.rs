//! The step before the loop, for resources that name a cluster: from the cluster's id to its service, by way of the API key
//! in Secrets Manager. Every decision is in [`crate::decision::cluster`].

use crate::answer::failure::Failure;
use crate::decision::cluster::{
    self, early_mark, patient_until, pause_after, rejection, served, unconfirmed, unmarked_until,
};
use crate::decision::facts::{Fact, FactValue};
use crate::decision::late::{check_awaited, is_late};
use crate::ec2::Ec2;
use crate::look::fetch;
use crate::model::cluster::{ClusterRef, Served};
use crate::model::cluster_error::ClusterError;
use crate::model::ec2_error::Ec2Error;
use crate::model::query::EndpointQuery;
use crate::reconcile::Reconciler;
use crate::request::Request;
use crate::secrets::Secrets;
use crate::tidb_cloud::{Session, TidbCloud};
use jiff::Timestamp;
use tracing::{info, warn};

/// The doors that only this step uses.
#[derive(Debug, Clone)]
pub struct Clusters {
    pub secrets: Secrets,
    pub tidb_cloud: TidbCloud,
}

impl Reconciler<'_> {
    /// Asks until there is an answer that does not change by itself.
    ///
    /// # Errors
    /// A [`Failure`] that asking again would not change, or one of the call that leaves the mark.
    pub(crate) async fn resolve(&mut self, cluster: &ClusterRef) -> Result<Served, Failure> {
        let (clusters, started) = (&self.clients.clusters, self.clock.now());
        let (mut session, mut attempts) = (None, 0);
        let mut patience_ends = patient_until(self.request, started, self.deadline);
        loop {
            self.log_step(
                format!("asking TiDB Cloud for the endpoint service of the cluster {}", cluster.id),
                "resolve",
            );
            let unmarked_until = unmarked_until(self.request, &self.state.journal);
            let attempt = Box::pin(self.ask(clusters, cluster, &mut session));
            let answer = match unmarked_until {
                Some(moment) => self.clock.until(moment, attempt).await,
                None => Some(attempt.await),
            };
            let error = match answer {
                Some(Ok(served)) => {
                    info!(step = "resolve", service = %served.service_name, "TiDB Cloud has named the service of the cluster {}", cluster.id);
                    return Ok(served);
                }
                Some(Err(error)) => error,
                None => ClusterError::ApiFailed {
                    cluster: cluster.id.clone(),
                    message: "it did not answer in time".to_owned(),
                },
            };
            let now = self.clock.now();
            let pause = pause_after(&error, attempts, started, now);
            if patience_ends.is_some_and(|moment| pause.is_none() || moment <= now) {
                patience_ends = None;
                if let Some(served) = self.read_record(&error).await? {
                    warn!(step = "resolve", service = %served.service_name, "continuing with what is recorded of the cluster {}, because: {error}", cluster.id);
                    return Ok(served);
                }
            }
            // Whether something is recorded is known only when it has been looked for.
            let refusal =
                if patience_ends.is_some() { error.clone().into() } else { rejection(self.request, error.clone()) };
            let Some(pause) = pause else { return Err(Failure::Refused(refusal)) };
            attempts += 1;
            info!(step = "retry", "asking again, because: {error}");
            let is_late = |until: Timestamp| now.saturating_add(pause).is_ok_and(|next| next >= until);
            if unmarked_until.is_some_and(is_late) {
                // Without a VPC there is no place for a mark, and nothing may be left that a Delete would not find.
                let Some(mark) = early_mark(self.request) else { return Err(Failure::Refused(refusal)) };
                self.check_awaited().await?;
                while !Box::pin(self.act(&mark)).await? {}
            }
            self.state.progress.obstacle = Some(refusal);
            self.pause(pause).await;
        }
    }

    /// What the reference records, as soon as EC2 shows it.
    async fn read_record(&mut self, why: &ClusterError) -> Result<Option<Served>, Failure> {
        loop {
            match Box::pin(fetch_record(&self.clients.ec2, self.request, why)).await {
                Ok(served) => return Ok(served),
                Err(error) => self.retry_look(error).await?,
            }
        }
    }

    /// A late event leaves no mark if nobody waits for it.
    async fn check_awaited(&self) -> Result<(), Failure> {
        let sent = self.state.journal.sent();
        if !is_late(sent, self.clock.now()) {
            return Ok(());
        }
        match Box::pin(fetch(self.clients, self.clock, self.request, None, &Fact::Operation)).await {
            Ok(FactValue::Operation(status)) => {
                check_awaited(self.request, status.as_ref(), sent).map_err(Failure::Refused)
            }
            // Without an answer, the event continues.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// One attempt. The key is read once; and a session, with its nonce, serves for all attempts that follow.
    async fn ask<'s>(
        &self,
        clusters: &'s Clusters,
        cluster: &'s ClusterRef,
        session: &mut Option<Session<'s>>,
    ) -> Result<Served, ClusterError> {
        let session = match session {
            Some(session) => session,
            None => {
                session.insert(clusters.tidb_cloud.session(cluster, clusters.secrets.api_key(&cluster.secret).await?))
            }
        };
        served(cluster, session.get().await?, self.home)
    }
}

/// What the reference of a resource records of its cluster, for an update that TiDB Cloud has not answered; `None` if that is
/// nothing.
///
/// # Errors
/// What EC2 answered instead.
pub(crate) async fn fetch_record(ec2: &Ec2, request: &Request, why: &ClusterError) -> Result<Option<Served>, Ec2Error> {
    let Some(cluster) = request.cluster().filter(|_| request.is_update()) else { return Ok(None) };
    let endpoints = ec2.endpoints(&EndpointQuery::TagKey(request.holder.ref_key())).await?;
    let Some((endpoint, prefix)) = cluster::recorded(request, cluster, &endpoints) else { return Ok(None) };
    let subnets = ec2.subnets(Some(&endpoint.vpc_id)).await?;
    Ok(Some(unconfirmed(endpoint, prefix, &subnets, why.clone())))
}
