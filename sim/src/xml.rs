//! Writes XML responses in the shapes that EC2 uses.

use std::fmt::{Display, Write as _};

use crate::error::ApiError;

const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// The content of a response.
#[derive(Debug, Default)]
pub(crate) struct Xml(String);

impl Xml {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// `<return>true</return>`, the whole content for many actions.
    pub(crate) fn done() -> Self {
        Self::new().with("return", true)
    }

    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        self.field(name, value);
        self
    }

    /// `<name>value</name>`
    pub(crate) fn field(&mut self, name: &str, value: impl Display) {
        let value = value.to_string();
        let _ = write!(self.0, "<{name}>{}</{name}>", escape(&value));
    }

    pub(crate) fn maybe(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.field(name, value);
        }
    }

    /// `<name>…</name>`
    pub(crate) fn nest(&mut self, name: &str, inside: impl FnOnce(&mut Self)) {
        let _ = write!(self.0, "<{name}>");
        inside(self);
        let _ = write!(self.0, "</{name}>");
    }

    /// `<name><item>…</item>…</name>`
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut inside: impl FnMut(&mut Self, T),
    ) {
        self.nest(name, |xml| {
            for item in items {
                xml.nest("item", |xml| inside(xml, item));
            }
        });
    }

    /// `<name><item>value</item>…</name>`
    pub(crate) fn values(&mut self, name: &str, values: impl IntoIterator<Item = impl Display>) {
        self.nest(name, |xml| values.into_iter().for_each(|value| xml.field("item", value)));
    }

    pub(crate) fn tags<'a>(&mut self, tags: impl IntoIterator<Item = (&'a String, &'a String)>) {
        self.list("tagSet", tags, |xml, (key, value)| {
            xml.field("key", key);
            xml.field("value", value);
        });
    }
}

/// The content of a response to a request for several items, with those that were not successful.
pub(crate) fn unsuccessful<'a>(items: impl IntoIterator<Item = (&'a String, ApiError)>) -> Xml {
    let mut xml = Xml::new();
    xml.list("unsuccessful", items, |xml, (id, error)| {
        xml.nest("error", |xml| {
            xml.field("code", error.code);
            xml.field("message", error.message);
        });
        xml.field("resourceId", id);
    });
    xml
}

/// Replaces the five characters that XML reserves.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '\'' => escaped.push_str("&apos;"),
            '"' => escaped.push_str("&quot;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// The document of a successful response.
pub(crate) fn response(action: &str, request_id: &str, inside: &Xml) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{action}Response xmlns=\"{NAMESPACE}\">\
         <requestId>{request_id}</requestId>{}</{action}Response>",
        inside.0
    )
}

/// The document of an error response.
pub(crate) fn error_response(request_id: &str, error: &ApiError) -> String {
    let mut xml = Xml::new();
    xml.nest("Response", |xml| {
        xml.nest("Errors", |xml| {
            xml.nest("Error", |xml| {
                xml.field("Code", &error.code);
                xml.field("Message", &error.message);
            });
        });
        xml.field("RequestID", request_id);
    });
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{}", xml.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_items_and_text_is_escaped() {
        let mut xml = Xml::new();
        xml.values("subnetIdSet", ["a<b>", "c&d", "'\"ü"]);
        xml.values("empty", Vec::<String>::new());
        assert_eq!(
            response("DescribeX", "r-1", &xml),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <DescribeXResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"><requestId>r-1</requestId>\
             <subnetIdSet><item>a&lt;b&gt;</item><item>c&amp;d</item>\
             <item>&apos;&quot;ü</item></subnetIdSet><empty></empty></DescribeXResponse>"
        );
    }

    #[test]
    fn an_error_has_the_shape_that_every_sdk_reads() {
        assert_eq!(
            error_response("r-2", &ApiError::invalid_parameter("'x' is invalid")),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>InvalidParameter</Code>\
             <Message>&apos;x&apos; is invalid</Message></Error></Errors><RequestID>r-2</RequestID></Response>"
        );
    }
}
