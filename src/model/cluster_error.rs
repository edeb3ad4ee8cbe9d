//! What can keep the provider from learning a service name from a cluster id, and the sentence for each: what was asked,
//! what was found, what to do. None of them contains anything of a key.

use super::ids::{ClusterId, SecretId};
use jiff::SignedDuration;

/// Why there is no service name for a cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// There is no such secret.
    #[error(
        "The secret {secret} was not found in Secrets Manager in {region}. Check ApiKeySecret, the account, and the \
         Region."
    )]
    SecretMissing { secret: SecretId, region: String },
    /// The role must not read the secret.
    #[error(
        "The provider's role is not allowed to perform secretsmanager:GetSecretValue on the secret {secret}. Specify \
         the secret's ARN in the parameter ApiKeySecretArn of the provider's stack, and check for a resource policy, \
         permissions boundary, or service control policy that denies the action. {message}"
    )]
    SecretDenied { secret: SecretId, message: String },
    /// The role must not use the key that encrypts the secret.
    #[error(
        "The provider's role is not allowed to perform kms:Decrypt on the KMS key that encrypts the secret {secret}. \
         Specify the key's ARN in the parameter ApiKeyKmsKeyArn of the provider's stack, and check that the key is \
         enabled and that its key policy allows the account to use it through Secrets Manager. {message}"
    )]
    KmsDenied { secret: SecretId, message: String },
    /// The secret has no JSON.
    #[error(
        "The secret {secret} is not a JSON object. Store the API key of TiDB Cloud in it as a JSON object with the \
         fields PublicKey and PrivateKey."
    )]
    SecretNotJson { secret: SecretId },
    /// The secret lacks a part of the key.
    #[error(
        "The secret {secret} has no usable text in the field {field}. Store the API key of TiDB Cloud in it as a JSON \
         object with the fields PublicKey and PrivateKey."
    )]
    SecretLacks { secret: SecretId, field: &'static str },
    /// Secrets Manager rejects the request for another reason.
    #[error("Secrets Manager rejected the request for the secret {secret}: {message}. Check ApiKeySecret.")]
    SecretRejected { secret: SecretId, message: String },
    /// Secrets Manager has failed, or has not answered.
    #[error("Secrets Manager did not return the secret {secret}: {message}. Deploy again later.")]
    SecretsFailed { secret: SecretId, message: String },
    /// The key is wrong.
    #[error(
        "TiDB Cloud does not accept the API key in the secret {secret} ({message}). The key is wrong or was deleted: \
         create an API key in TiDB Cloud (Organization Settings > API Keys), and store both of its parts in the secret."
    )]
    KeyRejected { secret: SecretId, message: String },
    /// No access, or no such cluster. The API does not reliably distinguish the two.
    #[error(
        "TiDB Cloud shows no cluster {cluster} to the API key in the secret {secret} ({message}). Check ClusterId, and \
         that the role and scope of the API key include the cluster. If the cluster is a newer Essential, Premium, or \
         Dedicated one, this resource does not support it."
    )]
    NoSuchCluster { cluster: ClusterId, secret: SecretId, message: String },
    /// Too many requests with this key.
    #[error(
        "TiDB Cloud accepts 100 requests per minute with one API key, and the key in the secret {secret} is over that \
         limit ({message}). Deploy again later, or use an API key that nothing else uses."
    )]
    RateLimited { secret: SecretId, message: String, wait: Option<SignedDuration> },
    /// The API has failed, or has not answered.
    #[error(
        "TiDB Cloud's API did not answer about the cluster {cluster}: {message}. Deploy again later, or specify \
         ServiceName instead of ClusterId."
    )]
    ApiFailed { cluster: ClusterId, message: String },
    /// The API has answered something else.
    #[error(
        "TiDB Cloud's API answered about the cluster {cluster} in a way that the provider does not understand: \
         {message}. Specify ServiceName instead of ClusterId, and report this message."
    )]
    ApiUnclear { cluster: ClusterId, message: String },
    /// A setting of the function is wrong.
    #[error(
        "The setting {name} of the provider function is not usable: it must be an https URL, or an http URL with a \
         loopback address. Remove it from the function's environment."
    )]
    BadSetting { name: &'static str },
    /// The cluster has no service yet.
    #[error(
        "The cluster {cluster} is in state {state} and has no endpoint service yet. Deploy again when it is ACTIVE, \
         with a ServiceTimeout of 900."
    )]
    StillCreating { cluster: ClusterId, state: String },
    /// The cluster is gone.
    #[error("The cluster {cluster} is in state {state}. Specify a cluster that exists in ClusterId.")]
    ClusterDeleted { cluster: ClusterId, state: String },
    /// PrivateLink is only for AWS.
    #[error(
        "The cluster {cluster} is on {provider} and not on AWS, so there is no AWS PrivateLink to it. Specify a cluster \
         on AWS in ClusterId."
    )]
    NotOnAws { cluster: ClusterId, provider: String },
    /// The cluster is in another region than the function.
    #[error(
        "The cluster {cluster} is in {cluster_region}, but the provider runs in {region}, and TiDB Cloud does not \
         support cross-Region endpoints. Deploy the provider and the stack in {cluster_region}, or specify a cluster in \
         {region}."
    )]
    ClusterInOtherRegion { cluster: ClusterId, cluster_region: String, region: String },
    /// The exclusive model.
    #[error(
        "TiDB Cloud shows no endpoint service for the cluster {cluster}, so it probably requires manual acceptance of \
         each endpoint (TiDB Cloud's exclusive model: Dedicated, Premium, and Essential since July 2026), which this \
         resource does not support. Use a Starter instance, or an Essential instance on the shared model, or create the \
         endpoint as the TiDB Cloud console describes."
    )]
    NoPrivateEndpoint { cluster: ClusterId },
}

/// Whether an error may pass by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// At any time, but not before this long.
    Always(SignedDuration),
    /// In the time that IAM needs for a new permission.
    NewPermission,
    /// In the time that a new thing needs to show.
    NewThing,
    Never,
}

impl ClusterError {
    pub fn patience(&self) -> Patience {
        match self {
            Self::RateLimited { wait, .. } => Patience::Always(wait.unwrap_or(SignedDuration::ZERO)),
            Self::SecretsFailed { .. } | Self::ApiFailed { .. } | Self::StillCreating { .. } => {
                Patience::Always(SignedDuration::ZERO)
            }
            Self::SecretDenied { .. } | Self::KmsDenied { .. } => Patience::NewPermission,
            Self::SecretMissing { .. } | Self::ApiUnclear { .. } => Patience::NewThing,
            Self::SecretNotJson { .. }
            | Self::SecretLacks { .. }
            | Self::SecretRejected { .. }
            | Self::KeyRejected { .. }
            | Self::NoSuchCluster { .. }
            | Self::BadSetting { .. }
            | Self::ClusterDeleted { .. }
            | Self::NotOnAws { .. }
            | Self::ClusterInOtherRegion { .. }
            | Self::NoPrivateEndpoint { .. } => Patience::Never,
        }
    }

    /// Whether a permission is missing.
    pub fn is_denial(&self) -> bool {
        matches!(self, Self::SecretDenied { .. } | Self::KmsDenied { .. })
    }
}
