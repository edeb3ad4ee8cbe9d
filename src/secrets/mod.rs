//! The only door to Secrets Manager: the API key of TiDB Cloud.

use crate::model::api_key::{ApiKey, NoApiKey};
use crate::model::base_url::BaseUrl;
use crate::model::cluster_error::ClusterError;
use crate::model::ids::SecretId;
use crate::model::protocol::CALL_LIMIT;
use aws_config::SdkConfig;
use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::config::retry::RetryConfig;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

/// The setting that replaces the URL of Secrets Manager.
pub const URL_SETTING: &str = "AWS_ENDPOINT_URL_SECRETS_MANAGER";

/// Secrets Manager. Its client is created with the first call: most events need none.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Credentials, region and HTTP client.
    config: SdkConfig,
    /// The setting [`URL_SETTING`]; empty for Secrets Manager itself.
    url: String,
}

impl Secrets {
    /// Uses the credentials, region and HTTP client of an SDK configuration, but not its endpoint URL.
    pub fn new(config: SdkConfig, url: String) -> Self {
        Self { config, url }
    }

    /// Reads the API key in a secret.
    ///
    /// # Errors
    /// [`ClusterError`], which contains nothing of the secret.
    pub async fn api_key(&self, secret: &SecretId) -> Result<ApiKey, ClusterError> {
        let answer = self.client()?.get_secret_value().secret_id(secret.as_str()).send();
        // The SDK can log whole answers, and this one is a secret.
        let answer =
            answer.with_subscriber(NoSubscriber::default()).await.map_err(|error| self.failed(secret, &error))?;
        ApiKey::read(answer.secret_string().unwrap_or_default()).map_err(|fault| match fault {
            NoApiKey::NotJson => ClusterError::SecretNotJson { secret: secret.clone() },
            NoApiKey::Lacks(field) => ClusterError::SecretLacks { secret: secret.clone(), field },
        })
    }

    fn client(&self) -> Result<Client, ClusterError> {
        let url = match self.url.as_str() {
            "" => None,
            url => Some(BaseUrl::read(url).ok_or(ClusterError::BadSetting { name: URL_SETTING })?),
        };
        let mut config = aws_sdk_secretsmanager::config::Builder::from(&self.config)
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::builder().operation_timeout(CALL_LIMIT.unsigned_abs()).build());
        config.set_endpoint_url(url.map(|url| url.as_str().to_owned()));
        Ok(Client::from_conf(config.build()))
    }

    fn failed<E>(&self, secret: &SecretId, error: &SdkError<E>) -> ClusterError
    where
        E: ProvideErrorMetadata,
    {
        let secret = secret.clone();
        let SdkError::ServiceError(answer) = error else {
            // In the provider's words, because the SDK's contain raw requests and answers.
            let message =
                if matches!(error, SdkError::TimeoutError(_)) { "it did not answer in time" } else { "no answer" };
            return ClusterError::SecretsFailed { secret, message: message.to_owned() };
        };
        let (code, status) = (answer.err().code().unwrap_or("Unknown"), answer.raw().status().as_u16());
        let message = shorten(answer.err().message().unwrap_or_default());
        let about_kms = message.contains("KMS");
        match code {
            "ResourceNotFoundException" => {
                let region = self.config.region().map(ToString::to_string).unwrap_or_default();
                ClusterError::SecretMissing { secret, region }
            }
            // Secrets Manager reports a missing permission for the key as "Access to KMS is not allowed" (external-secrets
            // #390, mongodbatlas-cloudformation-resources #982), and a disabled key as a decryption failure.
            "DecryptionFailure" | "DecryptionFailureException" => ClusterError::KmsDenied { secret, message },
            "AccessDeniedException" if about_kms => ClusterError::KmsDenied { secret, message },
            "AccessDeniedException" | "UnrecognizedClientException" | "InvalidSignatureException" => {
                ClusterError::SecretDenied { secret, message }
            }
            "ThrottlingException" | "InternalServiceError" | "InternalServiceErrorException" => {
                ClusterError::SecretsFailed { secret, message: format!("{code}: {message}") }
            }
            _ if status == 429 || status >= 500 => {
                ClusterError::SecretsFailed { secret, message: format!("{code}: {message}") }
            }
            _ => ClusterError::SecretRejected { secret, message: format!("{code}: {}", message.trim_end_matches('.')) },
        }
    }
}

fn shorten(message: &str) -> String {
    message.chars().filter(|c| !c.is_control()).take(400).collect()
}
