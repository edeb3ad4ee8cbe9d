//! Text for a terminal.

/// Columns of the terminal.
const WIDTH: usize = 100;

/// Adds a paragraph, wrapped between words. Lines after the first are indented by `indent`. A word that is longer than a
/// line, such as a name, stays whole.
pub(super) fn add(text: &mut String, indent: usize, paragraph: &str) {
    let start: String = paragraph.chars().take_while(|c| *c == ' ').collect();
    let mut line = start;
    for word in paragraph.split_whitespace() {
        let is_first = line.trim().is_empty();
        if !is_first && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(indent);
            line.push_str(word);
        } else {
            if !is_first {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    text.push_str(line.trim_end());
    text.push('\n');
}

/// A number with its noun.
pub(super) fn count(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
