//! What a trace shows of a look and the decision that follows it.

use super::cloudformation::{holder, name};
use tidb_private_endpoint::decision::action::Action;
use tidb_private_endpoint::decision::refusal::Refusal;
use tidb_private_endpoint::decision::view::{Next, Observed};
use tidb_private_endpoint::model::ids::GroupId;

pub(super) fn describe_look(stack: usize, observed: &Observed, decided: &Result<Next, Refusal>) -> String {
    let endpoints: Vec<String> = observed
        .endpoints
        .iter()
        .map(|endpoint| {
            let short = |key: &str| key.trim_start_matches("tidb-private-endpoint:").to_owned();
            // The name of the stack instead of the hash.
            let readable = |key: &String| {
                let found = (0..4).find(|n| key.contains(&holder(*n).hash)).map(name);
                found.map_or(short(key), |name| format!("{}:{name}", short(key).split(':').next().unwrap_or_default()))
            };
            let tags: Vec<String> = endpoint.tags.keys().map(readable).collect();
            let groups: Vec<&str> = endpoint.group_ids.iter().map(GroupId::as_str).collect();
            format!("{} {} {} [{}]", endpoint.id, endpoint.state, groups.join(" "), tags.join(" "))
        })
        .collect();
    let next = match decided {
        Ok(Next::Wait(wait)) => format!("wait {} s, {}", wait.at_least.as_secs(), wait.reason),
        Ok(Next::Act(Action::ModifyEndpoint(_, change))) => format!("modify endpoint: {change}"),
        Ok(Next::Act(action)) => action.name().to_owned(),
        Ok(Next::Done(outcome)) => outcome.name().to_owned(),
        Ok(Next::Read(facts)) => format!("read {facts:?}"),
        Err(refusal) => refusal.to_string(),
    };
    format!(
        "{}: sees {}; {next}",
        name(stack),
        if endpoints.is_empty() { "nothing".to_owned() } else { endpoints.join(", ") }
    )
}
