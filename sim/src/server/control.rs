//! `/_sim/`: the truth, and what other people and bad luck do, as JSON.
//!
//! | request | body | answer |
//! |---|---|---|
//! | `GET endpoints` | | every endpoint as it is |
//! | `GET groups` | | every security group as it is |
//! | `GET log` | | every call |
//! | `GET complaints` | | what was asked that the simulation does not know |
//! | `POST foreign-endpoint` | an endpoint as in a world file | `{"id": …}` |
//! | `POST delete-endpoint` | `{"id": …}` | `{}` |
//! | `POST verdict` | `{"action": …, "times": 1, "verdict": …}` | `{}` |
//!
//! A verdict is for the next calls of an action: `"reset"`, `"hang"`, `{"lose_answer": "reset"}` (or `"server_error"`, or
//! `"silence"`), `{"fail": {"status": …, "code": …, "message": …}}`.

use std::sync::{Arc, Mutex, PoisonError};

use ec2_sim::{Call, Ec2, EndpointSpec, Verdict};
use hyper::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Planned {
    action: String,
    #[serde(default = "once")]
    times: usize,
    verdict: Verdict,
}

fn once() -> usize {
    1
}

pub(super) struct Control {
    ec2: Ec2,
    plan: Arc<Mutex<Vec<Planned>>>,
}

impl Control {
    pub(super) fn new(ec2: Ec2) -> Self {
        let plan: Arc<Mutex<Vec<Planned>>> = Arc::default();
        let hooked = plan.clone();
        ec2.on_call(move |call| verdict(&mut hooked.lock().unwrap_or_else(PoisonError::into_inner), call));
        Self { ec2, plan }
    }

    pub(super) fn handle(&self, method: &Method, name: &str, body: &[u8]) -> (StatusCode, Value) {
        let result = match (method.as_str(), name) {
            ("GET", "endpoints") => Ok(json!(self.ec2.endpoints())),
            ("GET", "groups") => Ok(json!(self.ec2.groups())),
            ("GET", "log") => Ok(json!(self.ec2.log())),
            ("GET", "complaints") => Ok(json!(self.ec2.complaints())),
            ("POST", "foreign-endpoint") => read(body).and_then(|spec| self.create(spec)),
            ("POST", "delete-endpoint") => read(body).and_then(|named| self.delete(&named)),
            ("POST", "verdict") => read(body).map(|planned| {
                self.plan.lock().unwrap_or_else(PoisonError::into_inner).push(planned);
                json!({})
            }),
            _ => return (StatusCode::NOT_FOUND, json!({ "error": format!("there is no {method} /_sim/{name}") })),
        };
        match result {
            Ok(value) => (StatusCode::OK, value),
            Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": error })),
        }
    }

    fn create(&self, spec: EndpointSpec) -> Result<Value, String> {
        let id = self.ec2.try_create_foreign_endpoint(spec).map_err(|error| error.to_string())?;
        Ok(json!({ "id": id }))
    }

    fn delete(&self, Named { id }: &Named) -> Result<Value, String> {
        if !self.ec2.endpoints().iter().any(|endpoint| endpoint.id == *id) {
            return Err(format!("there is no endpoint {id}"));
        }
        self.ec2.delete_endpoint_by_hand(id);
        Ok(json!({}))
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// The verdict that was planned first for this action, which then has one time less to go.
fn verdict(plan: &mut Vec<Planned>, call: &Call) -> Verdict {
    plan.retain(|planned| planned.times > 0);
    let Some(planned) = plan.iter_mut().find(|planned| planned.action == call.action) else {
        return Verdict::Proceed;
    };
    planned.times -= 1;
    planned.verdict.clone()
}
