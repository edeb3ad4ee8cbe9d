//! The questions, as the payload of an invocation.

use crate::decision::view::Home;
use crate::model::ids::{EndpointId, ServiceName, VpcId, has_shape, join};
use crate::model::tags::is_hash;
use crate::request::event::{Event, ReplyTo, RequestType, ResponseUrl};
use crate::request::record;
use serde_json::{Map, Value};

/// What a plan is for if the question names no stack.
const UNNAMED_STACK: &str = "plan";
const UNNAMED_RESOURCE: &str = "TiDB";
/// Stands for the request that CloudFormation would send.
const REQUEST_ID: &str = "plan";

/// The names of the questions, what each may contain, and a correct one.
pub const QUESTIONS: [(&str, &[&str], &str); 3] = [
    (
        "Plan",
        &[
            "ResourceProperties",
            "OldResourceProperties",
            "RequestType",
            "StackId",
            "LogicalResourceId",
            "PhysicalResourceId",
        ],
        r#"{"Ask":"Plan","ResourceProperties":{"ServiceName":"com.amazonaws.vpce.us-east-1.vpce-svc-0123456789abcdef0","VpcId":"vpc-0123456789abcdef0"}}"#,
    ),
    ("Status", &["VpcId", "ServiceName", "EndpointId", "Metrics"], r#"{"Ask":"Status"}"#),
    (
        "Release",
        &["EndpointId", "Holder", "StackExists"],
        r#"{"Ask":"Release","EndpointId":"vpce-0123456789abcdef0","Holder":"0123456789abcdef01234567"}"#,
    ),
];

/// What a person asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// What an event would do now. It has no response URL.
    Plan(Box<Event>),
    /// What there is.
    Status(Scope),
    /// To let go of a reference whose stack is gone.
    Release(Release),
}

/// Which endpoints a status is about: those that fit all that is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    pub vpc: Option<VpcId>,
    pub service: Option<ServiceName>,
    pub endpoint: Option<EndpointId>,
    /// Whether to write its numbers as metrics, too. They are about the whole region.
    pub metrics: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub endpoint: EndpointId,
    /// The hash of the holder.
    pub holder: String,
    /// Whether to release although the stack exists, or may exist.
    pub anyway: bool,
}

/// A question that cannot be understood. Its sentence shows a correct one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("The question cannot be understood: {fault}. A correct question: {example}")]
pub struct Misunderstood {
    fault: String,
    example: &'static str,
}

/// Whether a payload is a question. What has a response URL is an event, whatever else it contains, and what has the parts
/// of a record of Lambda is a record.
pub fn is_question(raw: &Value) -> bool {
    raw.get("Ask").is_some() && raw.get("ResponseURL").is_none() && record::payload(raw).is_none()
}

impl Question {
    /// Reads a question. `home` is where it is asked.
    ///
    /// # Errors
    /// [`Misunderstood`].
    pub fn read(raw: &Value, home: &Home) -> Result<Self, Misunderstood> {
        let ask = raw.get("Ask").and_then(Value::as_str).unwrap_or_default();
        let Some((name, fields, example)) = QUESTIONS.into_iter().find(|(name, ..)| *name == ask) else {
            let names = join(QUESTIONS.map(|(name, ..)| name), ", ");
            let examples = QUESTIONS[1].2;
            return Err(Misunderstood { fault: format!("Ask must be one of {names}"), example: examples });
        };
        let empty = Map::new();
        let fields = Fields { map: raw.as_object().unwrap_or(&empty), known: fields, example };
        fields.reject_unknown()?;
        match name {
            "Plan" => fields.plan(home),
            "Status" => fields.status(),
            _ => fields.release(),
        }
    }
}

struct Fields<'a> {
    map: &'a Map<String, Value>,
    known: &'static [&'static str],
    example: &'static str,
}

impl Fields<'_> {
    fn fault(&self, fault: String) -> Misunderstood {
        Misunderstood { fault, example: self.example }
    }

    fn reject_unknown(&self) -> Result<(), Misunderstood> {
        match self.map.keys().find(|key| *key != "Ask" && !self.known.contains(&key.as_str())) {
            Some(key) => {
                let key: String = key.chars().take(100).collect();
                Err(self.fault(format!("it contains {key}; besides Ask, it can contain {}", join(self.known, ", "))))
            }
            None => Ok(()),
        }
    }

    /// A text; `None` if it is not given or empty.
    fn text(&self, name: &str) -> Result<Option<&str>, Misunderstood> {
        match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.trim()).filter(|text| !text.is_empty())),
            Some(_) => Err(self.fault(format!("{name} must be a string"))),
        }
    }

    fn id<T: for<'t> From<&'t str>>(&self, name: &str, prefix: &str) -> Result<Option<T>, Misunderstood> {
        match self.text(name)? {
            Some(text) if has_shape(text, prefix) => Ok(Some(text.into())),
            Some(_) => Err(self.fault(format!("{name} must be {prefix} followed by 8 or 17 hexadecimal digits"))),
            None => Ok(None),
        }
    }

    fn endpoint(&self) -> Result<Option<EndpointId>, Misunderstood> {
        self.id("EndpointId", "vpce-")
    }

    fn status(&self) -> Result<Question, Misunderstood> {
        let (vpc, service) = (self.id("VpcId", "vpc-")?, self.text("ServiceName")?.map(ServiceName::from));
        let endpoint = self.endpoint()?;
        let metrics = match self.map.get("Metrics") {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Bool(true)) if vpc.is_none() && service.is_none() && endpoint.is_none() => true,
            Some(Value::Bool(true)) => {
                let fault = "Metrics are about the whole Region; ask without VpcId, ServiceName, and EndpointId";
                return Err(self.fault(fault.to_owned()));
            }
            Some(_) => return Err(self.fault("Metrics must be true or false".to_owned())),
        };
        Ok(Question::Status(Scope { vpc, service, endpoint, metrics }))
    }

    fn release(&self) -> Result<Question, Misunderstood> {
        let endpoint = self.endpoint()?.ok_or_else(|| self.fault("EndpointId is missing".to_owned()))?;
        let holder = self.text("Holder")?.unwrap_or_default();
        if !is_hash(holder) {
            let fault = "Holder must be the Hash of a holder that Status shows, 24 hexadecimal digits";
            return Err(self.fault(fault.to_owned()));
        }
        let anyway = match self.text("StackExists")? {
            None => false,
            Some("ReleaseAnyway") => true,
            Some(_) => return Err(self.fault("StackExists can only be ReleaseAnyway".to_owned())),
        };
        Ok(Question::Release(Release { endpoint, holder: holder.to_owned(), anyway }))
    }

    fn plan(&self, home: &Home) -> Result<Question, Misunderstood> {
        let object = |name: &str| match self.map.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value @ Value::Object(_)) => Ok(Some(value.clone())),
            Some(_) => Err(self.fault(format!("{name} must be an object"))),
        };
        let properties = object("ResourceProperties")?;
        let properties = properties.ok_or_else(|| self.fault("ResourceProperties is missing".to_owned()))?;
        let physical_id = self.text("PhysicalResourceId")?.map(str::to_owned);
        let old = object("OldResourceProperties")?;
        let is_existing = physical_id.is_some() || old.is_some();
        let request_type = match self.text("RequestType")? {
            None | Some("Create") if !is_existing => RequestType::Create,
            Some("Create") => {
                let fault = "a Create has no PhysicalResourceId and no OldResourceProperties";
                return Err(self.fault(fault.to_owned()));
            }
            _ if physical_id.is_none() => return Err(self.fault("PhysicalResourceId is missing".to_owned())),
            None | Some("Update") => RequestType::Update { old_properties: old.unwrap_or_else(|| properties.clone()) },
            Some("Delete") => RequestType::Delete,
            Some(_) => return Err(self.fault("RequestType must be Create, Update, or Delete".to_owned())),
        };
        let (stack, resource) = (self.text("StackId")?, self.text("LogicalResourceId")?);
        if request_type != RequestType::Create && (stack.is_none() || resource.is_none()) {
            return Err(self.fault("an Update or a Delete needs StackId and LogicalResourceId".to_owned()));
        }
        if stack.is_some_and(|id| id.splitn(6, ':').count() < 6 || id.split('/').count() < 3) {
            return Err(self.fault("StackId must be the ARN of a stack".to_owned()));
        }
        let unnamed = || {
            let Home { region, account } = home;
            format!("arn:aws:cloudformation:{region}:{account}:stack/{UNNAMED_STACK}/{UNNAMED_STACK}")
        };
        let reply_to = ReplyTo {
            response_url: ResponseUrl::new(""),
            stack_id: stack.map_or_else(unnamed, str::to_owned),
            request_id: REQUEST_ID.to_owned(),
            logical_id: resource.unwrap_or(UNNAMED_RESOURCE).to_owned(),
            physical_id,
        };
        Ok(Question::Plan(Box::new(Event { reply_to, resource_type: String::new(), request_type, properties })))
    }
}
