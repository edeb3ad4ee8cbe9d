//! A simulated CloudFormation, as far as `DescribeStacks` and `DescribeStackResource` go: pages, errors, and
//! the permissions.
//!
//! The shapes are those of the CloudFormation API reference. A page has at most 100 stacks.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

use crate::{
    Policy,
    iam::{AuthorizationRequest, Context},
};

/// The longest page (CloudFormation API reference, `DescribeStacks`: pagination).
const PAGE: usize = 100;
const VERSION: &str = "2010-05-15";
const STACKS: &str = "DescribeStacks";
const RESOURCE: &str = "DescribeStackResource";
const LATENCY: Duration = Duration::from_millis(30);

/// A simulated CloudFormation. Clones share the same state.
#[derive(Clone, Default)]
pub struct CloudFormation(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// ARN and status.
    stacks: Vec<(String, String)>,
    /// ARN of the stack and logical ID; status, and when it was last updated. `None` if the stack has it no longer.
    resources: BTreeMap<(String, String), Option<(String, String)>>,
    /// The same; physical ID.
    physical_ids: BTreeMap<(String, String), String>,
    policy: Option<Policy>,
    faults: VecDeque<StacksFault>,
    calls: usize,
    complaints: Vec<String>,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StacksFault {
    /// The account calls too often.
    Throttled,
    /// CloudFormation has a problem.
    Unavailable,
    /// The response is not XML.
    Garbage,
    /// The response ends in the middle.
    CutOff,
    /// The connection is reset.
    Reset,
    /// There is no response.
    Hang,
}

impl CloudFormation {
    /// Creates a stack, or changes the status of one.
    pub fn set_stack(&self, arn: &str, status: &str) {
        let mut state = self.state();
        state.stacks.retain(|(known, _)| known != arn);
        state.stacks.push((arn.to_owned(), status.to_owned()));
    }

    /// Changes the status of a resource. `since` is a date such as `2026-11-23T09:00:00.000Z`.
    pub fn set_resource(&self, stack: &str, logical_id: &str, status: &str, since: &str) {
        let (key, value) = ((stack.to_owned(), logical_id.to_owned()), (status.to_owned(), since.to_owned()));
        self.state().resources.insert(key, Some(value));
    }

    /// Gives a resource a physical ID.
    pub fn set_physical_id(&self, stack: &str, logical_id: &str, id: &str) {
        self.state().physical_ids.insert((stack.to_owned(), logical_id.to_owned()), id.to_owned());
    }

    /// Removes a resource from its stack, which stays.
    pub fn remove_resource(&self, stack: &str, logical_id: &str) {
        self.state().resources.insert((stack.to_owned(), logical_id.to_owned()), None);
    }

    /// Forgets all resources, and that their stacks exist.
    pub fn forget_resources(&self) {
        self.state().resources.clear();
    }

    /// The status of a resource; empty if CloudFormation does not know it.
    #[must_use]
    pub fn resource_status(&self, stack: &str, logical_id: &str) -> String {
        let key = (stack.to_owned(), logical_id.to_owned());
        self.state().resources.get(&key).cloned().flatten().map(|(status, _)| status).unwrap_or_default()
    }

    /// Checks permissions from now on.
    pub fn set_policy(&self, policy: Policy) {
        self.state().policy = Some(policy);
    }

    /// Lets the next calls fail.
    pub fn fail(&self, faults: impl IntoIterator<Item = StacksFault>) {
        self.state().faults.extend(faults);
    }

    /// The number of calls so far.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// What was wrong with requests. CloudFormation would reject them.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.state().complaints.clone()
    }

    /// A connection to it, in process.
    #[must_use]
    pub fn connector(&self) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.clone()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn call(&self, request: &HttpRequest) -> Result<(u16, String), StacksFault> {
        let mut state = self.state();
        state.calls += 1;
        let wrong = wrong_with(request);
        state.complaints.extend(wrong.clone());
        match state.faults.pop_front() {
            None => {}
            Some(StacksFault::Throttled) => return Ok((400, error("Throttling", "Rate exceeded"))),
            Some(StacksFault::Unavailable) => return Ok((503, error("ServiceUnavailable", "Try again"))),
            Some(StacksFault::Garbage) => return Ok((200, "<html>".to_owned())),
            Some(StacksFault::CutOff) => {
                let whole = page(&state.stacks, 0);
                return Ok((200, whole[..whole.len() / 2].to_owned()));
            }
            Some(fault @ (StacksFault::Reset | StacksFault::Hang)) => return Err(fault),
        }
        if let Some(wrong) = wrong {
            return Ok((400, error("ValidationError", &wrong)));
        }
        let form = form(request);
        let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let action = value("Action").unwrap_or_default();
        let asked = AuthorizationRequest {
            action: format!("cloudformation:{action}"),
            // Listing all stacks is not about any of them.
            resource: value("StackName").unwrap_or_else(|| "*".to_owned()),
            context: Context::default(),
        };
        if state.policy.as_ref().is_some_and(|policy| !policy.decide(&asked).allowed) {
            let message = format!(
                "User: arn:aws:sts::123456789012:assumed-role/provider/function is not authorized to perform: \
                 cloudformation:{action} because no identity-based policy allows the action"
            );
            return Ok((403, error("AccessDenied", &message)));
        }
        if action == RESOURCE {
            let (stack, logical_id) = (value("StackName").unwrap_or_default(), value("LogicalResourceId"));
            let logical_id = logical_id.unwrap_or_default();
            // The messages are those of recorded responses.
            let key = (stack.clone(), logical_id.clone());
            return Ok(match state.resources.get(&key) {
                Some(Some(known)) => (200, resource(&key, known, state.physical_ids.get(&key))),
                Some(None) => {
                    let message = format!("Resource {logical_id} does not exist for stack {stack}");
                    (400, error("ValidationError", &message))
                }
                None => (400, error("ValidationError", &format!("Stack '{stack}' does not exist"))),
            });
        }
        if let Some(name) = value("StackName") {
            let known: Vec<_> = state.stacks.iter().filter(|(arn, _)| *arn == name).cloned().collect();
            return Ok(match known.as_slice() {
                [] => (400, error("ValidationError", &format!("Stack with id {name} does not exist"))),
                known => (200, page(known, 0)),
            });
        }
        match value("NextToken").map_or(Ok(0), |token| token.parse::<usize>()) {
            Ok(start) => Ok((200, page(&state.stacks, start))),
            Err(_) => Ok((400, error("ValidationError", "NextToken is not valid"))),
        }
    }
}

fn form(request: &HttpRequest) -> Vec<(String, String)> {
    form_urlencoded::parse(request.body().bytes().unwrap_or_default()).into_owned().collect()
}

/// What CloudFormation would object to.
fn wrong_with(request: &HttpRequest) -> Option<String> {
    let form = form(request);
    let value = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let signature = request.headers().get("authorization").unwrap_or_default();
    let scope = signature.split_once("Credential=").and_then(|(_, rest)| rest.split(',').next()).unwrap_or_default();
    if request.method() != "POST" || request.headers().get("content-type") != Some("application/x-www-form-urlencoded")
    {
        Some("the request is not a form".to_owned())
    } else if !scope.ends_with("/us-east-1/cloudformation/aws4_request") || !signature.contains("Signature=") {
        Some(format!("the signature is for {scope}"))
    } else if request.headers().get("x-amz-date").is_none() {
        Some("the request has no date".to_owned())
    } else {
        let parameters: &[&str] = match (value("Action"), value("Version")) {
            (Some(STACKS), Some(VERSION)) => &["Action", "Version", "NextToken", "StackName"],
            (Some(RESOURCE), Some(VERSION)) => &["Action", "Version", "StackName", "LogicalResourceId"],
            (action, version) => return Some(format!("the action is {action:?} of {version:?}")),
        };
        let unknown = form.iter().find(|(key, _)| !parameters.contains(&key.as_str()));
        unknown.map(|(key, _)| format!("{key} is not simulated"))
    }
}

fn page(stacks: &[(String, String)], start: usize) -> String {
    let members: String = stacks.iter().skip(start).take(PAGE).map(|(id, status)| {
        let name = id.split('/').nth(1).unwrap_or_default();
        format!(
            "<member><Outputs><member><OutputKey>StackId</OutputKey><OutputValue>a &amp; b</OutputValue></member></Outputs>\
             <Tags/><StackId>{id}</StackId><StackName>{name}</StackName><StackStatus>{status}</StackStatus>\
             <CreationTime>2026-11-23T09:00:00.000Z</CreationTime><DisableRollback>false</DisableRollback></member>\n"
        )
    }).collect();
    let next = start + PAGE;
    let token = if next < stacks.len() { format!("<NextToken>{next}</NextToken>") } else { String::new() };
    format!(
        "<DescribeStacksResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\n  <DescribeStacksResult>\
         <Stacks>{members}</Stacks>{token}</DescribeStacksResult>\n  <ResponseMetadata><RequestId>b9b4b068-3a41-11e5-94eb\
         </RequestId></ResponseMetadata>\n</DescribeStacksResponse>\n"
    )
}

/// The response in the CloudFormation API reference, `DescribeStackResource`.
fn resource(
    (stack, logical_id): &(String, String),
    (status, since): &(String, String),
    physical_id: Option<&String>,
) -> String {
    let id = physical_id.map(|id| format!("<PhysicalResourceId>{id}</PhysicalResourceId>")).unwrap_or_default();
    let name = stack.split('/').nth(1).unwrap_or_default();
    format!(
        "<DescribeStackResourceResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\">\n  \
         <DescribeStackResourceResult><StackResourceDetail><StackId>{stack}</StackId><StackName>{name}</StackName>\
         <LogicalResourceId>{logical_id}</LogicalResourceId>{id}<ResourceType>Custom::TiDBCloudPrivateEndpoint</ResourceType>\
         <LastUpdatedTimestamp>{since}</LastUpdatedTimestamp><ResourceStatus>{status}</ResourceStatus>\
         <DriftInformation><StackResourceDriftStatus>NOT_CHECKED</StackResourceDriftStatus></DriftInformation>\
         </StackResourceDetail></DescribeStackResourceResult>\n  <ResponseMetadata><RequestId>b9b4b068-3a41-11e5-94eb\
         </RequestId></ResponseMetadata>\n</DescribeStackResourceResponse>\n"
    )
}

fn error(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>b9b4b068</RequestId></ErrorResponse>"
    )
}

struct Connector(CloudFormation);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let cloudformation = self.0.clone();
        HttpConnectorFuture::new(async move {
            tokio::time::sleep(LATENCY).await;
            match cloudformation.call(&request) {
                Ok((status, body)) => {
                    let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
                    Ok(HttpResponse::new(status, SdkBody::from(body)))
                }
                Err(StacksFault::Hang) => std::future::pending().await,
                Err(_) => Err(ConnectorError::io(io::Error::from(io::ErrorKind::ConnectionReset).into())),
            }
        })
    }
}
