//! JSON policy documents (IAM user guide, "Grammar of the IAM JSON policy language").

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::{PolicyError, Statement, condition::Condition};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Document {
    version: String,
    statement: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RawStatement {
    sid: Option<String>,
    effect: String,
    action: Value,
    resource: Value,
    #[serde(default)]
    condition: BTreeMap<String, BTreeMap<String, Value>>,
}

pub(super) fn read(documents: &[Value]) -> Result<Vec<Statement>, PolicyError> {
    let mut statements: Vec<Statement> = Vec::new();
    for document in documents {
        let document = Document::deserialize(document).map_err(|error| PolicyError(error.to_string()))?;
        // The older version has different rules; for example, it does not support policy variables.
        if document.version != "2012-10-17" {
            return Err(PolicyError(format!("Version must be 2012-10-17, not {}", document.version)));
        }
        for statement in one_or_many(document.statement) {
            let statement = read_statement(&statement, statements.len() + 1)?;
            if statements.iter().any(|other| other.sid == statement.sid) {
                return Err(PolicyError(format!("two statements have the Sid {}", statement.sid)));
            }
            statements.push(statement);
        }
    }
    Ok(statements)
}

fn read_statement(value: &Value, number: usize) -> Result<Statement, PolicyError> {
    let sid = value.get("Sid").and_then(Value::as_str).map_or_else(|| format!("#{number}"), str::to_owned);
    let wrong = |what: String| PolicyError(format!("statement {sid}: {what}"));
    let raw = RawStatement::deserialize(value).map_err(|error| wrong(error.to_string()))?;
    let allows = match raw.effect.as_str() {
        "Allow" => true,
        "Deny" => false,
        other => return Err(wrong(format!("Effect must be Allow or Deny, not {other}"))),
    };
    let (actions, resources) = (strings(raw.action).map_err(wrong)?, strings(raw.resource).map_err(wrong)?);
    if let Some(action) = actions.iter().find(|action| *action != "*" && !action.contains(':')) {
        return Err(wrong(format!("the action {action} has no service prefix")));
    }
    if let Some(resource) = resources.iter().find(|resource| *resource != "*" && resource.splitn(6, ':').count() < 6) {
        return Err(wrong(format!("the resource {resource} is not an ARN")));
    }
    let mut conditions = Vec::new();
    for (operator, keys) in raw.condition {
        for (key, values) in keys {
            let values = strings(values).map_err(wrong)?;
            conditions.push(Condition::read(&operator, &key, values).map_err(wrong)?);
        }
    }
    Ok(Statement { sid: raw.sid.unwrap_or(sid), allows, actions, resources, conditions })
}

fn one_or_many(value: Value) -> Vec<Value> {
    if let Value::Array(items) = value { items } else { vec![value] }
}

fn strings(value: Value) -> Result<Vec<String>, String> {
    let text = |item: Value| match item {
        Value::String(text) if text.contains("${") => {
            Err(format!("policy variables, as in {text}, are not implemented"))
        }
        Value::String(text) => Ok(text),
        Value::Bool(flag) => Ok(flag.to_string()),
        other => Err(format!("{other} is not a string")),
    };
    let strings: Vec<String> = one_or_many(value).into_iter().map(text).collect::<Result<_, _>>()?;
    if strings.is_empty() { Err("an empty list".to_owned()) } else { Ok(strings) }
}
