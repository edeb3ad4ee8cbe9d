//! What CloudFormation answers to `DescribeStacks`: XML, as the API reference shows it.

use crate::model::stacks::Unlisted;
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

/// A page of stacks.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The ARNs of stacks that are not deleted.
    pub(super) stack_ids: Vec<String>,
    /// `None` on the last page.
    pub(super) next_token: Option<String>,
}

/// Reads a response.
///
/// # Errors
/// The error that CloudFormation returned, or that the response cannot be read.
pub(super) fn read(status: u16, body: &[u8]) -> Result<Page, Unlisted> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    if status != 200 {
        let (code, message) = error(text).unwrap_or_default();
        return Err(Unlisted::refused(status, &code, &message));
    }
    // The decoder takes the end of the document for the end of every open element, and half a list must not count as one.
    let is_whole = text.trim_end().ends_with("</DescribeStacksResponse>");
    match page(text) {
        Ok(Some(page)) if is_whole => Ok(page),
        Ok(_) | Err(_) => Err(Unlisted::unanswered("the response of CloudFormation could not be read")),
    }
}

/// `None` if the document has no result.
fn page(text: &str) -> Result<Option<Page>, XmlDecodeError> {
    let mut document = Document::new(text);
    let mut root = document.root_element()?;
    while let Some(mut result) = root.next_tag() {
        if !result.start_el().matches("DescribeStacksResult") {
            continue;
        }
        let mut page = Page::default();
        while let Some(mut part) = result.next_tag() {
            if part.start_el().matches("NextToken") {
                page.next_token = Some(try_data(&mut part)?.into_owned()).filter(|token| !token.is_empty());
            } else if part.start_el().matches("Stacks") {
                while let Some(member) = part.next_tag() {
                    page.stack_ids.extend(stack_id(member)?);
                }
            }
        }
        return Ok(Some(page));
    }
    Ok(None)
}

/// The ARN of a stack that is not deleted.
fn stack_id(mut member: ScopedDecoder<'_, '_>) -> Result<Option<String>, XmlDecodeError> {
    let (mut id, mut deleted) = (None, false);
    while let Some(mut field) = member.next_tag() {
        if field.start_el().matches("StackId") {
            id = Some(try_data(&mut field)?.into_owned());
        } else if field.start_el().matches("StackStatus") {
            deleted = try_data(&mut field)? == "DELETE_COMPLETE";
        }
    }
    Ok(id.filter(|_| !deleted))
}

/// Code and message of an error.
fn error(text: &str) -> Option<(String, String)> {
    let mut document = Document::new(text);
    let mut root = document.root_element().ok()?;
    let (mut code, mut message) = (String::new(), String::new());
    while let Some(mut error) = root.next_tag() {
        if !error.start_el().matches("Error") {
            continue;
        }
        while let Some(mut field) = error.next_tag() {
            if field.start_el().matches("Code") {
                code = try_data(&mut field).ok()?.into_owned();
            } else if field.start_el().matches("Message") {
                message = try_data(&mut field).ok()?.into_owned();
            }
        }
    }
    Some((code, message))
}
