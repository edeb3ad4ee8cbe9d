//! What a check found. The check function returns it, `--json` prints it, and the provider answers with it.

use super::Layer;
use super::finding::Finding;
use crate::model::ids::join;
use crate::request::check::Target;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One layer, at one address or, for the name, at none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Step {
    pub layer: Layer,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    pub passed: bool,
    pub milliseconds: u64,
    /// What was found, in a few words or, if it is wrong, in the sentence of the finding.
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Report {
    pub reachable: bool,
    /// The layer that failed.
    pub failed_layer: Option<Layer>,
    /// The result in words.
    pub report: String,
    /// What the name resolves to.
    pub addresses: Vec<IpAddr>,
    /// The longest that an address took to accept the connection.
    pub connect_milliseconds: Option<u64>,
    pub tls_version: String,
    pub certificate_issuer: String,
    pub certificate_expires: String,
    pub server_version: String,
    /// Every layer of the last attempt, in order.
    pub steps: Vec<Step>,
}

impl Report {
    /// The findings of one attempt in words, once it is clear how many there were.
    #[must_use]
    pub fn conclude(mut self, target: &Target, findings: &[Finding], attempts: u32, seconds: u64) -> Self {
        let first = findings.first();
        self.reachable = first.is_none();
        self.failed_layer = first.map(Finding::layer);
        self.report = match self.failed_layer {
            None => self.success(target),
            Some(layer) => {
                let passed = join(self.passed(layer), ", ");
                let passed = if passed.is_empty() { passed } else { format!(" This layer is in order at {passed}.") };
                let tried = match attempts {
                    1 => String::new(),
                    many => format!(" Tried {many} times in {seconds} s."),
                };
                format!(
                    "The connection to {target} fails at the layer {layer}. {}{passed}{tried} See {}.",
                    join(findings, " "),
                    layer.hint()
                )
            }
        };
        self
    }

    /// An address family that the client does not have was left out.
    fn success(&self, target: &Target) -> String {
        let reached: Vec<IpAddr> = self.passed(Layer::Tls).collect();
        let left_out: Vec<&IpAddr> = self.addresses.iter().filter(|address| !reached.contains(address)).collect();
        let lead = if reached.len() == 1 { "leads" } else { "lead" };
        let not_checked = match left_out.as_slice() {
            [] => String::new(),
            some => format!(" Not checked, because this client has no route to them: {}.", join(some, ", ")),
        };
        format!(
            "{target} is reachable: {} {lead} to the database with {} and a certificate that is valid until {}.{not_checked}",
            join(reached, ", "),
            self.tls_version,
            self.certificate_expires,
        )
    }

    fn passed(&self, layer: Layer) -> impl Iterator<Item = IpAddr> {
        self.steps.iter().filter(move |step| step.layer == layer && step.passed).filter_map(|step| step.address)
    }
}
