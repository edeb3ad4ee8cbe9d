//! What CloudFormation answers: XML, as the API reference shows it.

use super::{RESOURCE, STACK, STACKS};
use crate::model::stacks::{Asked, CloudFormationError, ResourceStatus, StackStatus};
use aws_smithy_xml::decode::{Document, ScopedDecoder, XmlDecodeError, try_data};

/// A page of stacks.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The ARNs of stacks that are not deleted.
    pub(super) stack_ids: Vec<String>,
    /// `None` on the last page.
    pub(super) next_token: Option<String>,
}

/// Reads a page of stacks.
///
/// # Errors
/// The error that CloudFormation returned, or that the response cannot be read.
pub(super) fn page(status: u16, body: &[u8]) -> Result<Page, CloudFormationError> {
    read(STACKS, status, body, |mut result| {
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
        Ok(Some(page))
    })
}

/// Reads the status of a resource. That the stack has no such resource is an answer, too, with the words of recorded
/// responses.
///
/// # Errors
/// The error that CloudFormation returned, or that the response cannot be read.
pub(super) fn resource(status: u16, body: &[u8]) -> Result<ResourceStatus, CloudFormationError> {
    let is_absent = |(code, message): (String, String)| {
        code == "ValidationError" && message.starts_with("Resource ") && message.contains(" does not exist for stack ")
    };
    if status == 400 && std::str::from_utf8(body).ok().and_then(error).is_some_and(is_absent) {
        return Ok(ResourceStatus::Absent);
    }
    read(RESOURCE, status, body, |mut result| {
        let (mut status, mut since, mut physical_id) = (None, None, None);
        while let Some(mut detail) = result.next_tag() {
            while let Some(mut field) = detail.next_tag() {
                if field.start_el().matches("ResourceStatus") {
                    status = Some(try_data(&mut field)?.into_owned());
                } else if field.start_el().matches("LastUpdatedTimestamp") {
                    since = try_data(&mut field)?.parse().ok();
                } else if field.start_el().matches("PhysicalResourceId") {
                    physical_id = Some(try_data(&mut field)?.into_owned());
                }
            }
        }
        Ok(status.zip(since).map(|(status, since)| ResourceStatus::Known { status, since, physical_id }))
    })
}

/// Reads the status of the only stack in a page.
///
/// # Errors
/// The error that CloudFormation returned, or that the response cannot be read.
pub(super) fn stack(status: u16, body: &[u8]) -> Result<StackStatus, CloudFormationError> {
    read(STACK, status, body, |mut result| {
        let mut status = None;
        while let Some(mut stacks) = result.next_tag() {
            while let Some(mut member) = stacks.next_tag() {
                while let Some(mut field) = member.next_tag() {
                    if field.start_el().matches("StackStatus") {
                        status = Some(StackStatus(try_data(&mut field)?.into_owned()));
                    }
                }
            }
        }
        Ok(status)
    })
}

/// Reads what is in the result of an action; `None` if it is not all there.
fn read<T>(
    asked: Asked,
    status: u16,
    body: &[u8],
    result: impl FnOnce(ScopedDecoder<'_, '_>) -> Result<Option<T>, XmlDecodeError>,
) -> Result<T, CloudFormationError> {
    let text = std::str::from_utf8(body).unwrap_or_default();
    if status != 200 {
        let (code, message) = error(text).unwrap_or_default();
        return Err(CloudFormationError::refused(asked, status, &code, &message));
    }
    // The decoder takes the end of the document for the end of every open element, and half a list must not count as one.
    let is_whole = text.trim_end().ends_with(&format!("</{}Response>", asked.action));
    match element(text, &format!("{}Result", asked.action), result) {
        Ok(Some(value)) if is_whole => Ok(value),
        Ok(_) | Err(_) => {
            Err(CloudFormationError::unanswered(asked, "the response of CloudFormation could not be read"))
        }
    }
}

/// Reads the first element of that name below the root.
fn element<T>(
    text: &str,
    name: &str,
    read: impl FnOnce(ScopedDecoder<'_, '_>) -> Result<Option<T>, XmlDecodeError>,
) -> Result<Option<T>, XmlDecodeError> {
    let mut document = Document::new(text);
    let mut root = document.root_element()?;
    while let Some(found) = root.next_tag() {
        if found.start_el().matches(name) {
            return read(found);
        }
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
    let read = element(text, "Error", |mut error| {
        let (mut code, mut message) = (String::new(), String::new());
        while let Some(mut field) = error.next_tag() {
            if field.start_el().matches("Code") {
                code = try_data(&mut field)?.into_owned();
            } else if field.start_el().matches("Message") {
                message = try_data(&mut field)?.into_owned();
            }
        }
        Ok(Some((code, message)))
    });
    read.ok().flatten()
}
