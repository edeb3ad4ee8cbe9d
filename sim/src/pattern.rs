//! Wildcard patterns: `*` matches any characters, and `?` any one character.

/// One element of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Star,
    Any,
    Literal(char),
}

/// Whether the whole text matches a pattern of an IAM policy, which has no escape character.
pub(crate) fn matches_iam(pattern: &str, text: &str) -> bool {
    matches(&pattern.chars().map(piece).collect::<Vec<_>>(), text)
}

/// Whether the whole text matches the value of an EC2 filter, where a backslash makes a wildcard literal.
pub(crate) fn matches_filter(pattern: &str, text: &str) -> bool {
    let mut pieces = Vec::new();
    let mut rest = pattern.chars().peekable();
    while let Some(next) = rest.next() {
        let escaped = if next == '\\' { rest.next_if(|c| matches!(c, '*' | '?' | '\\')) } else { None };
        pieces.push(escaped.map_or_else(|| piece(next), Piece::Literal));
    }
    matches(&pieces, text)
}

fn piece(character: char) -> Piece {
    match character {
        '*' => Piece::Star,
        '?' => Piece::Any,
        other => Piece::Literal(other),
    }
}

/// Each star first matches as little as possible. After a mismatch, it is enough to extend the last star: whatever an
/// earlier star could match in addition, the last one can match too. The time is at worst the product of the lengths.
fn matches(pattern: &[Piece], text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let (mut at, mut from) = (0, 0);
    // The position after the last star, and the position in the text where the rest of the pattern was last tried.
    let mut retry = None;
    while from < text.len() {
        match pattern.get(at) {
            Some(Piece::Star) => {
                at += 1;
                retry = Some((at, from));
            }
            Some(Piece::Any) => (at, from) = (at + 1, from + 1),
            Some(Piece::Literal(wanted)) if *wanted == text[from] => (at, from) = (at + 1, from + 1),
            _ => match retry {
                None => return false,
                Some((after_star, tried)) => {
                    (at, from) = (after_star, tried + 1);
                    retry = Some((after_star, from));
                }
            },
        }
    }
    pattern[at..].iter().all(|piece| *piece == Piece::Star)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn star_and_question_mark_match_the_whole_text() {
        for (pattern, text, fits) in [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("*", "a/b", true),
            ("?", "", false),
            ("?", "\u{e9}", true),
            ("a*", "b", false),
            ("a*c", "abbc", true),
            ("a*c", "abbcd", false),
            ("*b*", "abc", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("a?c", "abbc", false),
            ("**a", "aa", true),
            ("*ab*cd", "abxabycdcd", true),
            ("*ab?d*", "abcabxd", true),
            ("A", "a", false),
            ("vpc/*", "vpc/vpc-1", true),
            ("vpc/*", "vpc-endpoint/vpce-1", false),
        ] {
            assert_eq!(matches_iam(pattern, text), fits, "{pattern} {text}");
            assert_eq!(matches_filter(pattern, text), fits, "{pattern} {text}");
        }
    }

    #[test]
    fn only_a_filter_has_an_escape_character() {
        assert!(matches_filter(r"a\*b", "a*b") && !matches_filter(r"a\*b", "aXb"));
        assert!(matches_filter(r"a\\*", r"a\b") && matches_filter(r"a\b", r"a\b"));
        assert!(matches_iam(r"a\*b", r"a\Xb") && !matches_iam(r"a\*b", "a*b"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let (pattern, text) = ("a*".repeat(200) + "b", "a".repeat(2_000));
        assert!(!matches_iam(&pattern, &text));
    }
}
