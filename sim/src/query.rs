//! Reads parameters in the EC2 Query protocol.
//!
//! An action removes each parameter that it reads from the request. What remains at the end is not recognized: a misspelled
//! parameter, or one that the simulation does not implement.

use std::collections::{BTreeMap, BTreeSet};

use crate::{error::ApiError, filters::Filters, tags::Tags};

const VERSION: &str = "2016-11-15";

/// The maximum page size.
const LARGEST_PAGE: usize = 1_000;

/// The maximum number of members in any EC2 list.
const LONGEST_LIST: usize = 1_000;

/// Parameter names and values.
pub(crate) type Values = BTreeMap<String, String>;

/// The parameters of a request that have not been read yet.
#[derive(Clone, Debug)]
pub(crate) struct Params {
    pub(crate) action: String,
    left: Values,
}

/// The requested page of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Paging {
    pub(crate) size: Option<usize>,
    pub(crate) token: Option<String>,
}

/// Splits a form into the action and the other parameters. The parameters are returned even on an error, for the log.
pub(crate) fn parse(form: &str) -> (String, Values, Result<(), ApiError>) {
    let mut values = Values::new();
    let mut twice = None;
    for (name, value) in form_urlencoded::parse(form.trim().as_bytes()) {
        if values.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            twice = Some(name.into_owned());
        }
    }
    let action = values.remove("Action").unwrap_or_default();
    let version = values.remove("Version");
    let fault = if action.is_empty() {
        Some(ApiError::unrecognized("MissingAction", "The request is missing an action or a required parameter."))
    } else if let Some(name) = twice {
        Some(ApiError::unrecognized(
            "MalformedQueryString",
            format!("The parameter {name} is specified more than once"),
        ))
    } else if version.as_deref() != Some(VERSION) {
        let version = version.unwrap_or_default();
        Some(ApiError::unrecognized("NoSuchVersion", format!("The requested version ({version}) is not {VERSION}")))
    } else {
        None
    };
    (action, values, fault.map_or(Ok(()), Err))
}

/// The access key ID in a signature (`AWS4-HMAC-SHA256 Credential=KEY/DATE/…`).
pub(crate) fn caller(signature: &str) -> String {
    let key = signature.split_once("Credential=").and_then(|(_, scope)| scope.split_once('/'));
    key.map(|(key, _)| key.to_owned()).unwrap_or_default()
}

impl Params {
    pub(crate) fn new(action: String, values: Values) -> Self {
        Self { action, left: values }
    }

    /// All parameters, to compare requests with the same client token.
    pub(crate) fn all(&self) -> &Values {
        &self.left
    }

    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.left.remove(name)
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<String, ApiError> {
        self.text(name).filter(|value| !value.is_empty()).ok_or_else(|| missing(name))
    }

    pub(crate) fn boolean(&mut self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.text(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(ApiError::invalid_value(format!(
                "Invalid value '{other}' for boolean parameter {name}. Must be one of: 'true', 'false'"
            ))),
        }
    }

    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i32>, ApiError> {
        let number = |value: String| {
            value.parse().map_err(|_| {
                ApiError::invalid_value(format!("Value ({value}) for parameter {name} is invalid. Not an integer"))
            })
        };
        self.text(name).map(number).transpose()
    }

    /// The values of `name.1`, `name.2`, and so on.
    pub(crate) fn list(&mut self, name: &str) -> Vec<String> {
        (1..=LONGEST_LIST).map_while(|index| self.left.remove(&format!("{name}.{index}"))).collect()
    }

    /// The prefixes `name.1`, `name.2`, and so on, as long as there are parameters with them.
    pub(crate) fn structures(&self, name: &str) -> Vec<String> {
        (1..=LONGEST_LIST)
            .map(|index| format!("{name}.{index}"))
            .take_while(|prefix| {
                let prefix = format!("{prefix}.");
                self.left.range(prefix.clone()..).next().is_some_and(|(name, _)| name.starts_with(&prefix))
            })
            .collect()
    }

    /// `name.N.Key` and `name.N.Value`.
    pub(crate) fn tags(&mut self, name: &str) -> Result<Tags, ApiError> {
        let mut tags = Tags::new();
        for tag in self.structures(name) {
            let key = self.required(&format!("{tag}.Key"))?;
            let value = self.text(&format!("{tag}.Value")).unwrap_or_default();
            if tags.insert(key.clone(), value).is_some() {
                return Err(ApiError::invalid_value(format!("Duplicate tag key '{key}' specified.")));
            }
        }
        Ok(tags)
    }

    /// The tags for the resource that an action creates: `TagSpecification.N.ResourceType` and `.Tag.M`.
    pub(crate) fn tag_specification(&mut self, resource_type: &str) -> Result<Tags, ApiError> {
        let mut tags = Tags::new();
        for specification in self.structures("TagSpecification") {
            let kind = self.required(&format!("{specification}.ResourceType"))?;
            if kind != resource_type {
                return Err(ApiError::invalid_value(format!(
                    "'{kind}' is not a valid taggable resource type for this operation."
                )));
            }
            tags.extend(self.tags(&format!("{specification}.Tag"))?);
        }
        Ok(tags)
    }

    /// `Filter.N.Name` and `Filter.N.Value.M`. The names must be in `known`.
    pub(crate) fn filters(&mut self, known: &[&str]) -> Result<Filters, ApiError> {
        let mut filters = Filters::default();
        for filter in self.structures("Filter") {
            let name = self.required(&format!("{filter}.Name"))?;
            let values = self.list(&format!("{filter}.Value"));
            filters.add(known, name, values)?;
        }
        Ok(filters)
    }

    /// `MaxResults` and `NextToken`.
    pub(crate) fn paging(&mut self, smallest: i32) -> Result<Paging, ApiError> {
        let size = match self.integer("MaxResults")? {
            None => None,
            Some(size) if size < smallest => {
                return Err(ApiError::invalid_value(format!(
                    "Value ( {size} ) for parameter maxResults is invalid. Expecting a value greater than {}.",
                    smallest - 1
                )));
            }
            Some(size) => Some(usize::try_from(size).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE)),
        };
        Ok(Paging { size, token: self.text("NextToken").filter(|token| !token.is_empty()) })
    }

    /// Whether a Describe call has no filters, IDs, or pagination. EC2 throttles such calls more strictly.
    pub(crate) fn is_broad(&self) -> bool {
        self.left.keys().all(|name| name == "DryRun")
    }

    /// Must be called after reading all parameters and before any effect: rejects unrecognized parameters, and ends a dry
    /// run.
    pub(crate) fn finish(&mut self) -> Result<(), ApiError> {
        let dry_run = self.boolean("DryRun")? == Some(true);
        let left: BTreeSet<&str> = self.left.keys().map(String::as_str).collect();
        if let Some(name) = left.first() {
            let all = left.iter().copied().collect::<Vec<_>>().join(", ");
            return Err(ApiError {
                message: format!("The parameter {name} is not recognized ({}: {all})", self.action),
                ..ApiError::unrecognized("UnknownParameter", "")
            });
        }
        if dry_run {
            return Err(ApiError::with_status(
                412,
                "DryRunOperation",
                "Request would have succeeded, but DryRun flag is set.",
            ));
        }
        Ok(())
    }
}

pub(crate) fn missing(name: &str) -> ApiError {
    ApiError::new("MissingParameter", format!("The request must contain the parameter {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(form: &str) -> Params {
        let (action, values, fault) = parse(form);
        assert_eq!(fault, Ok(()));
        Params::new(action, values)
    }

    #[test]
    fn unread_parameters_are_rejected_by_name() {
        let mut params = params("Action=X&Version=2016-11-15&VpcId=vpc-1&SubnetId.1=a&SubnetId.3=c&Vpcid=oops");
        assert_eq!(params.text("VpcId").as_deref(), Some("vpc-1"));
        assert_eq!(params.list("SubnetId"), ["a"], "a list ends at the first gap");
        let error = params.finish().unwrap_err();
        assert!(error.unrecognized);
        assert_eq!(error.message, "The parameter SubnetId.3 is not recognized (X: SubnetId.3, Vpcid)");
    }

    #[test]
    fn lists_can_have_more_than_ten_members_and_structures_can_nest() {
        let tags: Vec<String> = (1..=12).map(|i| format!("&Tag.{i}.Key=k{i}&Tag.{i}.Value=v%20{i}")).collect();
        let mut params = params(&format!("Action=X&Version=2016-11-15{}", tags.concat()));
        let tags = params.tags("Tag").unwrap();
        assert_eq!((tags.len(), tags["k12"].as_str()), (12, "v 12"));
        assert_eq!(params.finish(), Ok(()));
    }

    #[test]
    fn action_and_version_are_required_and_names_are_unique() {
        for (form, code) in [
            ("Version=2016-11-15", "MissingAction"),
            ("Action=X", "NoSuchVersion"),
            ("Action=X&Version=2014-01-01", "NoSuchVersion"),
            ("Action=X&Version=2016-11-15&A=1&A=2", "MalformedQueryString"),
        ] {
            let error = parse(form).2.unwrap_err();
            assert!(error.unrecognized && error.code == code, "{form}: {error:?}");
        }
    }

    #[test]
    fn a_signature_contains_the_access_key_id() {
        let signature = "AWS4-HMAC-SHA256 Credential=ASIAKEY/20260301/us-east-1/ec2/aws4_request, SignedHeaders=host";
        assert_eq!((caller(signature), caller("")), ("ASIAKEY".to_owned(), String::new()));
    }

    #[test]
    fn a_dry_run_ends_before_the_effect() {
        let error = params("Action=X&Version=2016-11-15&DryRun=true").finish().unwrap_err();
        assert_eq!((error.status, error.code.as_str(), error.unrecognized), (412, "DryRunOperation", false));
    }
}
