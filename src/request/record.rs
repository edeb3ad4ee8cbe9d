//! Lambda's record of an asynchronous invocation, with which the check function's result comes to the provider (Lambda
//! developer guide, "Capturing records of Lambda asynchronous invocations").

use serde_json::Value;

/// The most characters of Lambda's own words that are repeated.
const MAX_WORDS: usize = 300;

/// How an invocation of the check function has ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ended {
    /// It returned this.
    Returned(Value),
    /// It failed, with the type and the message that Lambda gives.
    Failed { error_type: String, message: String },
    /// Lambda gave up before it ran, for example because of throttling.
    NeverRan,
}

/// A record of an invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct InvocationRecord<'a> {
    /// The ARN of the function that was invoked, with a version or an alias at its end.
    function: &'a str,
    /// What it was invoked with.
    pub payload: &'a Value,
    pub ended: Ended,
}

/// What a record tells about the invocation that it is of; `None` if this is no record.
pub fn payload(raw: &Value) -> Option<&Value> {
    raw.get("requestContext")?;
    raw.get("requestPayload")
}

impl<'a> InvocationRecord<'a> {
    /// `None` if this is no record.
    pub fn read(raw: &'a Value) -> Option<Self> {
        let payload = payload(raw)?;
        let text = |place: &str| raw.pointer(place).and_then(Value::as_str);
        let response = raw.get("responsePayload").unwrap_or(&Value::Null);
        let word = |name: &str| shorten(response.get(name).and_then(Value::as_str).unwrap_or_default());
        // A function that never ran has no response.
        let ended = if text("/requestContext/condition") == Some("Success") {
            Ended::Returned(response.clone())
        } else if raw.get("responseContext").is_some_and(Value::is_object) || response.is_object() {
            Ended::Failed { error_type: word("errorType"), message: word("errorMessage") }
        } else {
            Ended::NeverRan
        };
        Some(Self { function: text("/requestContext/functionArn").unwrap_or_default(), payload, ended })
    }

    /// Whether it is about the function with this ARN, which has no version at its end.
    pub fn is_of(&self, arn: &str) -> bool {
        let rest = self.function.strip_prefix(arn);
        !arn.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }
}

/// One line, without control characters.
fn shorten(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MAX_WORDS).collect::<String>().trim().to_owned()
}
