//! Resource tags.

use std::collections::BTreeMap;

/// Tag keys and values.
pub type Tags = BTreeMap<String, String>;
