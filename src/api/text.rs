//! A look at a document before anything parses it: one pass over the bytes, without recursion. The parser recurses into brackets, and a few
//! thousand of them would end the process.

use crate::config::Limits;

/// How many tokens a document has, if it is short, shallow and simple enough to be parsed; if not, why.
pub fn check(document: &str, limits: &Limits) -> Result<usize, &'static str> {
    if document.len() > limits.document_bytes {
        return Err("The document is too long.");
    }
    let (mut tokens, mut depth) = (0_usize, 0_usize);
    let mut rest = document.as_bytes();
    while let Some((&first, behind)) = rest.split_first() {
        let length = match first {
            b' ' | b'\t' | b'\r' | b'\n' | b',' | 0xEF | 0xBB | 0xBF => {
                rest = behind;
                continue;
            }
            b'#' => {
                rest = &rest[rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(rest.len())..];
                continue;
            }
            b'"' => string_length(rest),
            b'{' | b'[' | b'(' => {
                depth += 1;
                1
            }
            b'}' | b']' | b')' => {
                depth = depth.saturating_sub(1);
                1
            }
            byte if is_word(byte) => rest.iter().take_while(|byte| is_word(**byte)).count(),
            _ => 1,
        };
        tokens += 1;
        if tokens > limits.tokens {
            return Err("The document has too many tokens.");
        }
        if depth > limits.brackets {
            return Err("The document is nested too deep.");
        }
        rest = &rest[length..];
    }
    Ok(tokens)
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// How long the string is that `text` begins with; all of it where the string does not end.
fn string_length(text: &[u8]) -> usize {
    let block = text.starts_with(br#"""""#);
    let (quotes, mut place) = if block { (br#"""""#.as_slice(), 3) } else { (br#"""#.as_slice(), 1) };
    while place < text.len() {
        let rest = &text[place..];
        if block && rest.starts_with(br#"\""""#) {
            place += 4;
        } else if !block && rest[0] == b'\\' {
            place += 2;
        } else if rest.starts_with(quotes) {
            return place + quotes.len();
        } else if !block && matches!(rest[0], b'\n' | b'\r') {
            return place;
        } else {
            place += 1;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(document: &str) -> Result<(), &'static str> {
        check(document, &Limits::default()).map(|_| ())
    }

    #[test]
    fn thousands_of_brackets_are_refused_wherever_they_stand() {
        for (open, close) in [("[", "]"), ("{a:", "}"), ("{a", "}")] {
            let nested = format!("{{ f(x: {}{}) }}", open.repeat(2_000), close.repeat(2_000));
            assert_eq!(verdict(&nested), Err("The document is nested too deep."));
        }
        assert_eq!(verdict(&"{a".repeat(64)), Ok(()));
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let brackets = "[".repeat(100);
        assert_eq!(verdict(&format!(r#"{{ f(x: "{brackets}\"{brackets}") }} # {brackets}"#)), Ok(()));
        assert_eq!(verdict(&format!(r#"{{ f(x: """{brackets}\"""{brackets}""") }}"#)), Ok(()));
        assert!(verdict(&format!(r#"{{ f(x: "\\" {brackets}) }}"#)).is_err(), "the string ends before them");
        assert!(verdict(&format!("{{ f(x: \" \n {brackets}) }}")).is_err(), "a line ends a string");
    }

    #[test]
    fn long_documents_are_refused_by_bytes_and_by_tokens() {
        assert_eq!(verdict(&format!("{{ a }} #{}", " ".repeat(40_000))), Err("The document is too long."));
        assert_eq!(verdict(&"a ".repeat(2_001)), Err("The document has too many tokens."));
        assert_eq!(verdict(r#"{ f(x: "never ends"#), Ok(()), "for the parser to say");
        assert_eq!(verdict(r#"{ f(x: "ends with \"#), Ok(()));
    }
}
