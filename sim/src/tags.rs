//! Tags, as every kind of resource has them.

use std::collections::BTreeMap;

/// Keys and values of tags.
pub type Tags = BTreeMap<String, String>;
