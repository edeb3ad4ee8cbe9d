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
            None => format!(
                "{target} is reachable: {} the database with {} and a certificate that is valid until {}.",
                match self.addresses.as_slice() {
                    [one] => format!("{one} leads to"),
                    all => format!("{} lead to", join(all, ", ")),
                },
                self.tls_version,
                self.certificate_expires,
            ),
            Some(layer) => {
                let passed = self.steps.iter().filter(|step| step.layer == layer && step.passed);
                let passed = join(passed.filter_map(|step| step.address), ", ");
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
}
