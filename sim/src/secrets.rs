//! A small Secrets Manager: `GetSecretValue`, with the permissions that it and AWS KMS require (Secrets Manager user guide,
//! "Permissions for the KMS key"). The policy is that of the simulated EC2, because both are called with the same role.

use std::{collections::BTreeMap, fmt, sync::Mutex};

use aws_smithy_runtime_api::client::http::{SharedHttpClient, SharedHttpConnector, http_client_fn};
use serde_json::{Value, json};

use crate::{
    Ec2, Verdict,
    iam::{AuthorizationRequest, Context},
    web::{Api, Connector, Desk, Shared, WebCall, WebReply, lock},
};

/// A secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// The ARN, which ends in the name, a hyphen, and six characters.
    pub arn: String,
    /// The text.
    pub text: String,
    /// The ARN of the customer managed key that encrypts it, if it is not encrypted with the AWS managed key.
    pub kms_key: Option<String>,
}

/// A simulated Secrets Manager. Clones share the same state.
#[derive(Clone)]
pub struct Secrets(Shared<State>);

struct State {
    ec2: Ec2,
    region: String,
    secrets: Mutex<BTreeMap<String, Secret>>,
    desk: Desk,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets")
    }
}

impl Secrets {
    /// A Secrets Manager without secrets in the region of an EC2.
    #[must_use]
    pub fn new(ec2: &Ec2, region: &str) -> Self {
        let (ec2, region) = (ec2.clone(), region.to_owned());
        Self(Shared::new(State { ec2, region, secrets: Mutex::default(), desk: Desk::new() }))
    }

    /// Creates or replaces a secret.
    pub fn put(&self, name: &str, secret: Secret) {
        lock(&self.0.secrets).insert(name.to_owned(), secret);
    }

    /// Whether the policy allows `kms:Decrypt` without Secrets Manager.
    #[must_use]
    pub fn can_decrypt_directly_with(&self, key: &str) -> bool {
        let (action, resource, context) = ("kms:Decrypt".to_owned(), key.to_owned(), Context::default());
        self.0.ec2.allows(&AuthorizationRequest { action, resource, context })
    }

    /// An HTTP client for the AWS SDK, without sockets.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        let secrets = self.clone();
        http_client_fn(move |_settings, _components| SharedHttpConnector::new(Connector(secrets.clone())))
    }

    /// All calls, in order of arrival.
    #[must_use]
    pub fn log(&self) -> Vec<WebCall> {
        self.0.desk.log()
    }

    /// Invokes a hook for every call before it has any effect, and applies the hook's verdict.
    pub fn on_call(&self, hook: impl FnMut(&WebCall) -> Verdict + Send + 'static) {
        self.0.desk.set_hook(Box::new(hook));
    }

    fn get(&self, id: &str) -> Result<Value, (&'static str, String)> {
        let secrets = lock(&self.0.secrets);
        let found = secrets.iter().find(|(name, secret)| *name == id || secret.arn == id);
        // Without a secret, there is no ARN but the one of the request.
        let arn = found.map_or(id, |(_, secret)| &secret.arn);
        let request = |action: &str, resource: &str, context: Context| AuthorizationRequest {
            action: action.to_owned(),
            resource: resource.to_owned(),
            context,
        };
        if !self.0.ec2.allows(&request("secretsmanager:GetSecretValue", arn, Context::default())) {
            let message = format!(
                "User: arn:aws:sts::123456789012:assumed-role/caller/session is not authorized to perform: \
                 secretsmanager:GetSecretValue on resource: {id} because no identity-based policy allows the \
                 secretsmanager:GetSecretValue action"
            );
            return Err(("AccessDeniedException", message));
        }
        let Some((name, secret)) = found else {
            let message = "Secrets Manager can't find the specified secret.";
            return Err(("ResourceNotFoundException", message.to_owned()));
        };
        if let Some(key) = &secret.kms_key {
            let via = format!("secretsmanager.{}.amazonaws.com", self.0.region);
            if !self.0.ec2.allows(&request("kms:Decrypt", key, Context::default().with("kms:ViaService", via))) {
                // In these words (external-secrets #390).
                return Err(("AccessDeniedException", "Access to KMS is not allowed".to_owned()));
            }
        }
        Ok(json!({ "ARN": secret.arn, "Name": name, "SecretString": secret.text }))
    }
}

impl Api for Secrets {
    const NAME: &'static str = "Secrets";

    fn desk(&self) -> &Desk {
        &self.0.desk
    }

    fn answer(&self, call: &WebCall) -> WebReply {
        let body: Value = serde_json::from_str(&call.body).unwrap_or_default();
        if call.target != "secretsmanager.GetSecretValue" {
            return Self::error(400, "UnknownOperationException", &call.target);
        }
        match self.get(body["SecretId"].as_str().unwrap_or_default()) {
            Ok(value) => WebReply { status: 200, headers: Vec::new(), body: value.to_string() },
            Err((code, message)) => Self::error(400, code, &message),
        }
    }

    fn error(status: u16, code: &str, message: &str) -> WebReply {
        let body = json!({ "__type": code, "Message": message }).to_string();
        WebReply { status, headers: vec![("x-amzn-errortype", code.to_owned())], body }
    }
}
