//! An API key of TiDB Cloud.

use serde_json::Value;
use std::fmt;

/// The two parts of the key. They have no `Display`, and `Debug` shows nothing.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub public: String,
    pub private: String,
}

/// Why a secret is no API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoApiKey {
    /// It is not a JSON object.
    NotJson,
    /// This field is missing, empty, not a string, or cannot be part of a request.
    Lacks(&'static str),
}

const PUBLIC: &str = "PublicKey";
const PRIVATE: &str = "PrivateKey";

impl ApiKey {
    /// Reads the text of a secret: a JSON object with `PublicKey` and `PrivateKey`, and whatever else.
    ///
    /// # Errors
    /// [`NoApiKey`], which repeats nothing of the text.
    pub fn read(text: &str) -> Result<Self, NoApiKey> {
        let value: Value = serde_json::from_str(text).map_err(|_| NoApiKey::NotJson)?;
        let fields = value.as_object().ok_or(NoApiKey::NotJson)?;
        let part = |name: &'static str| {
            let text = fields.get(name).and_then(Value::as_str).unwrap_or_default().trim();
            // The public key goes into a header, so nothing but visible characters.
            let is_visible = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
            is_visible.then(|| text.to_owned()).ok_or(NoApiKey::Lacks(name))
        };
        Ok(Self { public: part(PUBLIC)?, private: part(PRIVATE)? })
    }

    /// A text of somebody else's without the key, should it repeat it.
    pub fn removed_from(&self, text: &str) -> String {
        text.replace(&self.private, "…").replace(&self.public, "…")
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(secret)")
    }
}
