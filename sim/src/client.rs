//! The front end for the AWS SDK: an HTTP client without a network.

use std::{fmt, io};

use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
            http_client_fn,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;

use crate::{Ec2, Reply};

impl Ec2 {
    /// An HTTP client for the AWS SDK that passes requests to the simulation in process, without sockets.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        let ec2 = self.clone();
        http_client_fn(move |settings, _components| {
            SharedHttpConnector::new(Connector { ec2: ec2.clone(), settings: settings.clone() })
        })
    }
}

struct Connector {
    ec2: Ec2,
    settings: HttpConnectorSettings,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let ec2 = self.ec2.clone();
        let read_timeout = self.settings.read_timeout();
        HttpConnectorFuture::new(async move {
            let form = form(&request)?;
            let exchange = ec2.exchange(&form, request.headers().get("authorization"));
            let result = match read_timeout {
                None => exchange.await,
                Some(read_timeout) => tokio::time::timeout(read_timeout, exchange)
                    .await
                    .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?,
            };
            let reset = |error| ConnectorError::io(io::Error::new(io::ErrorKind::ConnectionReset, error).into());
            response(result.map_err(reset)?)
        })
    }
}

fn form(request: &HttpRequest) -> Result<String, ConnectorError> {
    let bytes =
        request.body().bytes().ok_or_else(|| ConnectorError::user("a streaming body is not supported".into()))?;
    String::from_utf8(bytes.to_vec()).map_err(|error| ConnectorError::user(error.into()))
}

fn response(reply: Reply) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(reply.status).map_err(|error| ConnectorError::user(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
    response.headers_mut().insert("content-type", "text/xml;charset=UTF-8");
    Ok(response)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Verdict, World};

    /// What the SDK receives for `DescribeVpcs`, with a read timeout of five seconds.
    async fn exchange(verdict: Verdict) -> Result<HttpResponse, ConnectorError> {
        let ec2 = Ec2::new(World::default());
        ec2.on_call(move |_| verdict.clone());
        let settings = HttpConnectorSettings::builder().read_timeout(Duration::from_secs(5)).build();
        let connector = Connector { ec2, settings };
        connector.call(HttpRequest::new(SdkBody::from("Action=DescribeVpcs&Version=2016-11-15"))).await
    }

    #[tokio::test(start_paused = true)]
    async fn success_and_error_are_http_responses() {
        let response = exchange(Verdict::Proceed).await.unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers().get("content-type")),
            (200, Some("text/xml;charset=UTF-8"))
        );
        assert!(response.body().bytes().unwrap().starts_with(b"<?xml"));
        assert_eq!(exchange(Verdict::throttled()).await.unwrap().status().as_u16(), 503);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reset_is_an_io_error_and_no_response_a_timeout() {
        assert!(exchange(Verdict::Reset).await.unwrap_err().is_io());
        assert!(exchange(Verdict::Hang).await.unwrap_err().is_timeout());
    }
}
