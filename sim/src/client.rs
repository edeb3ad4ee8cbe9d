//! The front end for the AWS SDK: an HTTP client that has no network behind it.

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

pub(crate) fn http_client(ec2: Ec2) -> SharedHttpClient {
    http_client_fn(move |settings, _components| {
        SharedHttpConnector::new(Connector { ec2: ec2.clone(), settings: settings.clone() })
    })
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
        let patience = self.settings.read_timeout();
        HttpConnectorFuture::new(async move {
            let form = form(&request)?;
            let exchange = ec2.exchange(&form);
            let result = match patience {
                None => exchange.await,
                Some(patience) => tokio::time::timeout(patience, exchange)
                    .await
                    .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?,
            };
            let reset = |error| ConnectorError::io(io::Error::new(io::ErrorKind::ConnectionReset, error).into());
            response(result.map_err(reset)?)
        })
    }
}

fn form(request: &HttpRequest) -> Result<String, ConnectorError> {
    let bytes = request.body().bytes().ok_or_else(|| ConnectorError::user("a streaming body is no form".into()))?;
    String::from_utf8(bytes.to_vec()).map_err(|error| ConnectorError::user(error.into()))
}

fn response(reply: Reply) -> Result<HttpResponse, ConnectorError> {
    let status = StatusCode::try_from(reply.status).map_err(|error| ConnectorError::user(error.into()))?;
    let mut response = HttpResponse::new(status, SdkBody::from(reply.body));
    response.headers_mut().insert("content-type", "text/xml;charset=UTF-8");
    Ok(response)
}
