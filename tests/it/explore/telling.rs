//! A history in words.

use super::cloudformation::{holder, name};
use tidb_private_endpoint::refusal::Refusal;
use tidb_private_endpoint::step::{Observed, Step};

/// A look in words.
pub(super) fn told(stack: usize, observed: &Observed, decided: &Result<Step, Refusal>) -> String {
    let endpoints: Vec<String> = observed
        .endpoints
        .iter()
        .map(|endpoint| {
            let short = |key: &str| key.trim_start_matches("tidb-private-endpoint:").to_owned();
            let name_of = |key: &String| {
                let found = (0..4).find(|n| key.contains(&holder(*n).hash)).map(name);
                found.map_or(short(key), |name| format!("{}:{name}", short(key).split(':').next().unwrap_or_default()))
            };
            let tags: Vec<String> = endpoint.tags.keys().map(name_of).collect();
            format!("{} {} [{}]", endpoint.id, endpoint.state, tags.join(" "))
        })
        .collect();
    let next = match decided {
        Ok(Step::Wait(wait)) => format!("wait {} s, {}", wait.at_least.as_secs(), wait.reason),
        Ok(step) => step.name().to_owned(),
        Err(refusal) => refusal.to_string(),
    };
    format!(
        "{}: sees {}; {next}",
        name(stack),
        if endpoints.is_empty() { "nothing".to_owned() } else { endpoints.join(", ") }
    )
}
