//! The control API under `/_sim/`: the current state, changes made by others, and fault injection, in JSON.
//!
//! | request | body | response |
//! |---|---|---|
//! | `GET endpoints` | | the current state of every endpoint |
//! | `GET groups` | | the current state of every security group |
//! | `GET log` | | all calls |
//! | `GET unrecognized-requests` | | requests that the simulation does not recognize |
//! | `POST foreign-endpoint` | an endpoint as in a world file | `{"id": …}` |
//! | `POST delete-endpoint` | `{"id": …}` | `{}` |
//! | `GET tidb-cloud-log` | | all calls to TiDB Cloud's API: method, path, and whether they have credentials |
//! | `POST cluster` | `{"id": …, "region": …, "service_name": …, "zone_id": …, "user_prefix": …}` | `{}`; a cluster on AWS |
//! | `POST fault` | `{"action": …, "times": 1, "verdict": …}` | `{}` |
//! | `GET authority` | | `{"pem": …}`, the certificate of the authority of all gateways |
//! | `POST gateway` | `{"host": …, "fault": "none"}` | `{"port": …}` of a new gateway on the loopback interface |
//!
//! A fault applies to the next calls of an action. Its verdict is `"reset"`, `"hang"`, `{"lose_answer": "reset"}` (or
//! `"server_error"` or `"silence"`), `{"fail": {"status": …, "code": …, "message": …}}`, or `{"fail_items": {"code": …,
//! "message": …}}`. A gateway's fault is one of [`ec2_sim::gateway::Fault`], in `snake_case`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

use ec2_sim::gateway::{self, Authority, Gateway};
use ec2_sim::{Call, Cluster, Ec2, EndpointSpec, TidbCloud, Verdict};
use hyper::{Method, StatusCode};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::net::TcpListener;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClusterSpec {
    id: String,
    region: String,
    service_name: String,
    zone_id: String,
    user_prefix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    action: String,
    #[serde(default = "once")]
    times: usize,
    verdict: Verdict,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GatewaySpec {
    host: String,
    #[serde(default = "well")]
    fault: gateway::Fault,
}

fn well() -> gateway::Fault {
    gateway::Fault::None
}

fn once() -> usize {
    1
}

pub(super) struct Control {
    ec2: Ec2,
    tidb_cloud: TidbCloud,
    faults: Arc<Mutex<Vec<Fault>>>,
    authority: Authority,
}

impl Control {
    pub(super) fn new(ec2: Ec2, tidb_cloud: TidbCloud) -> Self {
        let faults: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let hooked = faults.clone();
        ec2.on_call(move |call| verdict(&mut hooked.lock().unwrap_or_else(PoisonError::into_inner), call));
        Self { ec2, tidb_cloud, faults, authority: Authority::new("ec2-sim") }
    }

    pub(super) fn handle(&self, method: &Method, name: &str, body: &[u8]) -> (StatusCode, Value) {
        let result = match (method.as_str(), name) {
            ("GET", "endpoints") => Ok(json!(self.ec2.endpoints())),
            ("GET", "groups") => Ok(json!(self.ec2.groups())),
            ("GET", "log") => Ok(json!(self.ec2.log())),
            ("GET", "unrecognized-requests") => Ok(json!(self.ec2.unrecognized_requests())),
            ("GET", "authority") => Ok(json!({ "pem": self.authority.pem() })),
            ("POST", "gateway") => read(body).and_then(|spec| self.gateway(&spec)),
            ("GET", "tidb-cloud-log") => Ok(self.calls_to_tidb_cloud()),
            ("POST", "cluster") => read(body).map(|spec| self.put(&spec)),
            ("POST", "foreign-endpoint") => read(body).and_then(|spec| self.create(spec)),
            ("POST", "delete-endpoint") => read(body).and_then(|named| self.delete(&named)),
            ("POST", "fault") => read(body).map(|fault| {
                self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
                json!({})
            }),
            _ => return (StatusCode::NOT_FOUND, json!({ "error": format!("unknown request {method} /_sim/{name}") })),
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

    /// On the same port of both address families, because `localhost` can resolve to both.
    fn gateway(&self, GatewaySpec { host, fault }: &GatewaySpec) -> Result<Value, String> {
        let gateway = Gateway::new(&self.authority, host, fault.clone());
        let listen = |address: IpAddr, port| std::net::TcpListener::bind((address, port));
        let first = listen(Ipv4Addr::LOCALHOST.into(), 0).map_err(|error| error.to_string())?;
        let port = first.local_addr().map_err(|error| error.to_string())?.port();
        for listener in [Ok(first), listen(Ipv6Addr::LOCALHOST.into(), port)].into_iter().flatten() {
            accept(listener, gateway.clone()).map_err(|error| error.to_string())?;
        }
        Ok(json!({ "port": port }))
    }

    fn calls_to_tidb_cloud(&self) -> Value {
        let calls = self.tidb_cloud.log().into_iter().map(
            |call| json!({ "method": call.method, "uri": call.uri, "has_credentials": !call.authorization.is_empty() }),
        );
        calls.collect()
    }

    fn put(&self, spec: &ClusterSpec) -> Value {
        let ClusterSpec { id, region, service_name, zone_id, user_prefix } = spec;
        self.tidb_cloud.put(id, Cluster::on_aws(region, service_name, zone_id, user_prefix));
        json!({})
    }

    fn delete(&self, Named { id }: &Named) -> Result<Value, String> {
        if !self.ec2.endpoints().iter().any(|endpoint| endpoint.id == *id) {
            return Err(format!("endpoint {id} does not exist"));
        }
        self.ec2.delete_endpoint(id);
        Ok(json!({}))
    }
}

/// Accepts connections for a gateway until the process ends.
fn accept(listener: std::net::TcpListener, gateway: Gateway) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = TcpListener::from_std(listener)?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let gateway = gateway.clone();
            tokio::spawn(async move { gateway.serve(stream).await });
        }
    });
    Ok(())
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// The verdict of the first fault for this action, whose remaining count decreases by one.
fn verdict(faults: &mut Vec<Fault>, call: &Call) -> Verdict {
    faults.retain(|fault| fault.times > 0);
    let Some(fault) = faults.iter_mut().find(|fault| fault.action == call.action) else {
        return Verdict::Proceed;
    };
    fault.times -= 1;
    fault.verdict.clone()
}
