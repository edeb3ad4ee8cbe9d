//! The front end for any client: HTTP/1.1, with TiDB Cloud's API under `/v1beta1/`, the control API under `/_sim/`, and EC2
//! on every other path.

mod control;

use std::{sync::Arc, time::Duration};

use control::Control;
use ec2_sim::{ConnectionReset, Ec2, TidbCloud};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Far above the size of a request for 1,000 resources with 50 tags.
const LARGEST_BODY: usize = 4 << 20;

/// Serves until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, ec2: Ec2, tidb_cloud: TidbCloud) {
    let control = Arc::new(Control::new(ec2.clone(), tidb_cloud.clone()));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // For example, the process is temporarily out of file descriptors.
                eprintln!("ec2-sim: accept: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (ec2, tidb_cloud, control) = (ec2.clone(), tidb_cloud.clone(), control.clone());
        tokio::spawn(async move {
            let service = service_fn(|request| respond(&ec2, &tidb_cloud, &control, request));
            // An error means that the client disconnected, or that a reset was injected: the connection closes without a
            // response.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn respond(
    ec2: &Ec2,
    tidb_cloud: &TidbCloud,
    control: &Control,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, ConnectionReset> {
    let (head, body) = request.into_parts();
    let body = match Limited::new(body, LARGEST_BODY).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Ok(response(StatusCode::BAD_REQUEST, "text/plain", error.to_string())),
    };
    if let Some(name) = head.uri.path().strip_prefix("/_sim/") {
        let (status, json) = control.handle(&head.method, name, &body);
        return Ok(response(status, "application/json", json.to_string()));
    }
    let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    if head.uri.path().starts_with("/v1beta1/") {
        let uri = head.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
        let reply = tidb_cloud.exchange(head.method.as_str(), &uri, authorization.unwrap_or_default()).await?;
        let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = response(status, "application/json", reply.body);
        for (name, value) in reply.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(name, value);
            }
        }
        return Ok(response);
    }
    let form = match head.method {
        Method::GET => head.uri.query().unwrap_or_default().to_owned(),
        Method::POST => String::from_utf8_lossy(&body).into_owned(),
        _ => return Ok(response(StatusCode::METHOD_NOT_ALLOWED, "text/plain", "GET or POST".to_owned())),
    };
    let reply = ec2.exchange(&form, authorization).await?;
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok(response(status, "text/xml;charset=UTF-8", reply.body))
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
